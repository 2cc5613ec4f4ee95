"""What a structured report marks, drawn on the image it speaks of: the whole stored image, not only an ultrasound region."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from usnet.dicom.reading import Mark, Point, Report
from usnet.errors import ConfigError, DataError
from usnet.reports.tags import place_tags
from usnet.values import Box, Frame

COLOURS = ("#FFB000", "#56B4E9", "#33D17A", "#FF6EC7", "#C9A0FF", "#FF7A33")
BACKGROUND, TEXT, FAINT = "#14181B", "#F2F5F7", "#A9B4BB"
MAX_SIDE = 4096
"""Of the empty image that is drawn on where none is given."""

MAX_LISTED = 12


def shown_frame(report: Report, image_uid: str | None, frame: int | None) -> tuple[str, int | None]:
    """Image and 0-based frame to show: the ones asked for, else those with the most marks, the earliest of them.

    Raises
    ------
    DataError
        The report has no coordinates at all, or none on that image and frame.
    """
    places = Counter((mark.image_uid, mark.frame) for mark in report.marks)
    fitting = {
        place: count
        for place, count in places.items()
        if (image_uid is None or place[0] == image_uid) and (frame is None or place[1] in (frame, None))
    }
    if not fitting:
        known = sorted({str(uid) for uid, _ in places})
        raise DataError(
            "the report marks nothing there" if places else "the report has no coordinates on an image",
            expected="one of the images " + ", ".join(known[:3]) if places else None,
        )
    best = max(fitting.values())
    uid, found = next(place for place, count in fitting.items() if count == best)
    return uid, found if found is not None else frame


def whole_frame(path: str | Path, number: int) -> Frame:
    """One frame of an image file without the crop to its ultrasound region.

    Raises
    ------
    UnreadableImage
        As :func:`usnet.images.read`.
    """
    from pydicom import dcmread

    from usnet.images import Limits, read
    from usnet.images.inflate import inflated

    frame = read(path, frame=number)
    if frame.region is None:
        return frame
    with Path(path).open("rb") as stream:
        dataset = dcmread(inflated(stream, str(path), Limits()), force=True)
    del dataset.SequenceOfUltrasoundRegions
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    return read(buffer.getvalue(), frame=number, name=str(path))


def draw_report(report: Report, uid: str, frame: int | None, image: Frame | None) -> Image.Image:
    """RGB picture of the marks on image ``uid`` and 0-based ``frame``, with what is said of them below.

    Without an image the marks lie on black, of the size that the report states or that they need.
    """
    marks = [mark for mark in report.marks if mark.image_uid == uid and mark.frame in (frame, None)]
    base = Image.fromarray(image.pixels) if image is not None else Image.new("L", _size(report, uid, marks), 0)
    scale = max(1.0, min(3.0, 900 / max(base.size)))
    shown = base.convert("RGB").resize(
        (round(base.width * scale), round(base.height * scale)), Image.Resampling.BICUBIC
    )
    font = ImageFont.load_default(16)
    _draw_marks(shown, marks, scale, font)
    return _with_text(shown, _lines(report, marks, frame, image is not None), font)


def _size(report: Report, uid: str, marks: Sequence[Mark]) -> tuple[int, int]:
    known = report.sizes.get(uid)
    if known is None:
        corners = [mark.box.corners for mark in marks]
        known = (round(max(c[2] for c in corners)) + 16, round(max(c[3] for c in corners)) + 16)
    if not 0 < max(known) <= MAX_SIDE or min(known) < 1:
        raise ConfigError(f"an image of {known[0]} x {known[1]} pixels", expected=f"at most {MAX_SIDE} a side")
    return known


def _draw_marks(
    shown: Image.Image, marks: Sequence[Mark], scale: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    pen = ImageDraw.Draw(shown)
    boxes = [_scaled(mark.box, scale) for mark in marks]
    for number, mark in enumerate(marks):
        _draw(pen, mark, scale, COLOURS[number % len(COLOURS)])
    sizes = [(round(font.getlength(str(number + 1))) + 10, 22) for number in range(len(marks))]
    places = place_tags(boxes, sizes, Box(0, 0, *shown.size), gap=1, drawn=3)
    for number, place in enumerate(places):
        if place is not None:
            pen.rectangle(place.corners, fill=COLOURS[number % len(COLOURS)])
            middle = (place.x + place.width / 2, place.y + place.height / 2)
            pen.text(middle, str(number + 1), fill="#000000", font=font, anchor="mm")


def _draw(pen: ImageDraw.ImageDraw, mark: Mark, scale: float, colour: str) -> None:
    """Every graphic type of PS3.3 C.18.6.1.2."""
    points: list[Point] = [(x * scale, y * scale) for x, y in mark.points]
    if mark.graphic in ("POINT", "MULTIPOINT"):
        for x, y in points:
            pen.line((x - 8, y, x + 8, y), fill=colour, width=2)
            pen.line((x, y - 8, x, y + 8), fill=colour, width=2)
    elif mark.graphic == "CIRCLE":
        box = _scaled(mark.box, scale)
        pen.ellipse(box.corners, outline=colour, width=3)
    elif mark.graphic == "ELLIPSE" and len(points) == 4:
        pen.line(_ellipse(points), fill=colour, width=3, joint="curve")
    elif len(points) > 1:
        pen.line(points, fill=colour, width=3, joint="curve")


def _ellipse(points: Sequence[Point]) -> list[Point]:
    """Outline through the ends of the major and of the minor axis."""
    import math

    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
    x0, y0 = (ax + bx) / 2, (ay + by) / 2
    major, minor = ((bx - ax) / 2, (by - ay) / 2), ((dx - cx) / 2, (dy - cy) / 2)
    angles = [2 * math.pi * step / 72 for step in range(73)]
    return [
        (
            x0 + major[0] * math.cos(a) + minor[0] * math.sin(a),
            y0 + major[1] * math.cos(a) + minor[1] * math.sin(a),
        )
        for a in angles
    ]


def _scaled(box: Box, scale: float) -> Box:
    return Box(box.x * scale, box.y * scale, box.width * scale, box.height * scale)


def mark_text(number: int, mark: Mark) -> str:
    """One line about one mark."""
    parts = [f"{number}  {mark.name}"]
    if mark.finding:
        parts.append(mark.finding)
    parts += [f"{name}: {value}" for name, value in mark.evaluations]
    parts += [f"{n.name} {n.value:g} {n.unit}" for n in mark.numbers]
    return "; ".join(parts)


def _lines(report: Report, marks: Sequence[Mark], frame: int | None, has_image: bool) -> list[tuple[str, str]]:
    place = "" if frame is None else f", frame {frame + 1}"
    state = "verified" if report.verified else "not verified"
    lines = [(f"{report.title}{place}, {state}" + ("" if has_image else "; no image was given"), TEXT)]
    for number, mark in enumerate(marks[:MAX_LISTED]):
        lines.append((mark_text(number + 1, mark), COLOURS[number % len(COLOURS)]))
    if len(marks) > MAX_LISTED:
        lines.append((f"and {len(marks) - MAX_LISTED} more", FAINT))
    return lines + [(statement, FAINT) for statement in report.statements[:6]]


def _with_text(
    shown: Image.Image, lines: Sequence[tuple[str, str]], font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> Image.Image:
    """The picture above its lines, which are wrapped to its width."""
    width = max(shown.width, 640)
    wrapped = [(part, colour) for text, colour in lines for part in _wrapped(text, font, width - 24)]
    canvas = Image.new("RGB", (width, shown.height + 23 * len(wrapped) + 20), BACKGROUND)
    canvas.paste(shown, ((width - shown.width) // 2, 0))
    pen = ImageDraw.Draw(canvas)
    for number, (text, colour) in enumerate(wrapped):
        pen.text((12, shown.height + 10 + 23 * number), text, fill=colour, font=font)
    return canvas


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    lines: list[str] = []
    for word in text[:600].split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines
