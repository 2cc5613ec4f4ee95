"""A picture of one diagnosis: the frame with its boxes, and around it what is said about them.

All sentences stand above and below the frame, so nothing hides anatomy; only small numbered tags lie on the frame, beside their
boxes and never over a nodule. Small frames are enlarged and large ones reduced, so that the writing is legible either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from usnet.reports.style import COLOURS, RESEARCH_USE, counted, finding_text, probabilities_text
from usnet.reports.tags import place_tags
from usnet.values import Box, Diagnosis, Finding, Frame

LONG_SIDE = (720, 1600)
"""Frames are shown with a longer side between these, in pixels."""

AREA_KEY = "usnet-area"
"""PNG text: left, top, right, bottom of the frame with its boxes in the picture."""

MAX_ENLARGEMENT = 6.0
MIN_WIDTH = 560
MAX_LISTED = 6

BACKGROUND, TEXT, FAINT, ALERT = "#14181B", "#F2F5F7", "#A9B4BB", "#FFD34D"

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    colour: str = TEXT


def draw_overlay(frame: Frame, diagnosis: Diagnosis, notes: Sequence[str] = ()) -> Image.Image:
    """RGB picture of ``diagnosis``, which was made on ``frame``; ``notes`` are further lines below it."""
    shown, scale = _shown(frame)
    size = max(15, round(max(shown.size) / 52))
    font = _font(size)
    line = round(size * 1.45)
    margin = line + 8
    width = max(shown.width + 2 * margin, MIN_WIDTH)
    head, foot = _head(diagnosis, font, width - 2 * margin), _foot(diagnosis, notes, font, width - 2 * margin)
    top, left = margin // 2 + line * len(head) + line // 2, (width - shown.width) // 2
    bottom = top + margin + shown.height + margin
    bar = line if frame.spacing_mm is not None else 0
    canvas = Image.new("RGB", (width, bottom + bar + line * len(foot) + margin // 2), BACKGROUND)
    canvas.paste(shown, (left, top + margin))
    canvas.info[AREA_KEY] = f"{left - margin} {top} {left + shown.width + margin} {top + shown.height + 2 * margin}"
    pen = ImageDraw.Draw(canvas)
    pen.text((margin, margin // 3), _title(diagnosis), COLOURS[diagnosis.label], _font(size * 1.4))
    _write(pen, head, (margin, margin // 2 + line // 2), line, font)
    _draw_findings(pen, diagnosis.findings, Box(left, top + margin, *shown.size), margin, scale, font)
    _draw_scale_bar(pen, frame, scale, (left, bottom - 4), font)
    _write(pen, foot, (margin, bottom + bar), line, font)
    return canvas


def save_overlay(frame: Frame, diagnosis: Diagnosis, path: str | Path) -> Path:
    """Write :func:`draw_overlay` as PNG and return its path."""
    path = Path(path)
    picture = draw_overlay(frame, diagnosis)
    note = PngInfo()
    note.add_text(AREA_KEY, picture.info[AREA_KEY])
    # Level 4 takes a third more time for a file 4 % smaller.
    picture.save(path, format="PNG", compress_level=2, pnginfo=note)
    return path


def without_text(picture: Image.Image) -> Image.Image:
    """A picture from :func:`draw_overlay`, or one read from its PNG, cut to the frame and its boxes."""
    place = picture.info.get(AREA_KEY)
    if place is None:
        return picture
    left, top, right, bottom = (int(number) for number in place.split())
    return picture.crop((left, top, right, bottom))


def _shown(frame: Frame) -> tuple[Image.Image, float]:
    """The frame at a size fit for looking at, and how much it was enlarged."""
    longest = max(frame.width, frame.height)
    scale = 1.0
    if longest < LONG_SIDE[0]:
        scale = min(LONG_SIDE[0] / longest, MAX_ENLARGEMENT)
    elif longest > LONG_SIDE[1]:
        scale = LONG_SIDE[1] / longest
    image = Image.fromarray(frame.pixels)
    size = (max(1, round(frame.width * scale)), max(1, round(frame.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC), scale


def _title(diagnosis: Diagnosis) -> str:
    """The label. Normal means that no box reached the threshold, where a nodule may still be the likelier, so it says that."""
    return "NO NODULE FOUND" if diagnosis.label == "normal" else diagnosis.label.upper()


def _head(diagnosis: Diagnosis, font: Font, width: int) -> list[_Line]:
    """Lines below the title, the first of which stays empty for the title itself."""
    call = f"{counted(diagnosis)} at operating point {diagnosis.operating_point.name}"
    if diagnosis.label == "normal":
        call = f"no box reaches operating point {diagnosis.operating_point.name}"
    lines = [_Line(""), *_wrapped(call[0].upper() + call[1:], font, width, TEXT)]
    return lines + _wrapped(f"Probability: {probabilities_text(diagnosis)}", font, width, TEXT)


def _foot(diagnosis: Diagnosis, notes: Sequence[str], font: Font, width: int) -> list[_Line]:
    lines: list[_Line] = []
    for number, finding in enumerate(diagnosis.findings[:MAX_LISTED], 1):
        lines += _wrapped(finding_text(number, finding), font, width, COLOURS[finding.label])
    hidden = len(diagnosis.findings) - MAX_LISTED
    if hidden > 0:
        lines.append(_Line(f"and {hidden} more", FAINT))
    for note in notes:
        lines += _wrapped(note, font, width, TEXT)
    for warning in diagnosis.warnings:
        known = warning.startswith("uncalibrated:")  # true of every PNG, so not shouted
        text = "Uncalibrated: sizes in mm are unknown" if known else f"Warning, {warning}"
        lines += _wrapped(text, font, width, FAINT if known else ALERT)
    model = diagnosis.model
    lines += _wrapped(f"Model {model.name} {model.sha256[:12]}", font, width, FAINT)
    return lines + _wrapped(RESEARCH_USE, font, width, FAINT)


def _wrapped(text: str, font: Font, width: int, colour: str) -> list[_Line]:
    """Lines no wider than ``width`` pixels; a single word may be."""
    return [_Line(line, colour) for line in _split(text, font, width)]


@lru_cache(maxsize=256)
def _split(text: str, font: Font, width: int) -> tuple[str, ...]:
    if font.getlength(text) <= width:
        return (text,)
    lines: list[str] = []
    for word in text.split(" "):
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return tuple(lines)


@lru_cache(maxsize=32)
def _font(size: float) -> Font:
    return ImageFont.load_default(size)


def _write(pen: ImageDraw.ImageDraw, lines: list[_Line], place: tuple[int, int], height: int, font: Font) -> None:
    for number, line in enumerate(lines):
        pen.text((place[0], place[1] + number * height), line.text, fill=line.colour, font=font)


def _draw_findings(
    pen: ImageDraw.ImageDraw, findings: tuple[Finding, ...], area: Box, margin: int, scale: float, font: Font
) -> None:
    """Outlines around the nodules and numbered tags; ``area`` is where the frame lies on the canvas."""
    stroke = max(2, round(max(area.width, area.height) / 360))
    boxes = [
        Box(area.x + f.box.x * scale, area.y + f.box.y * scale, f.box.width * scale, f.box.height * scale)
        for f in findings
    ]
    for box, finding in zip(boxes, findings, strict=True):
        _outline(pen, box, COLOURS[finding.label], stroke, dashed=finding.label == "benign")
    texts = [str(number) for number in range(1, len(findings) + 1)]
    height = round(margin * 0.8)
    sizes = [(max(height, round(font.getlength(text)) + 8), height) for text in texts]
    around = Box(area.x - margin, area.y - margin, area.width + 2 * margin, area.height + 2 * margin)
    places = place_tags(boxes, sizes, around, gap=1, drawn=stroke + 2)
    for place, text, finding in zip(places, texts, findings, strict=True):
        if place is not None:
            pen.rectangle(place.corners, fill=COLOURS[finding.label])
            middle = (place.x + place.width / 2, place.y + place.height / 2)
            pen.text(middle, text, fill="#000000", font=font, anchor="mm")


def _outline(pen: ImageDraw.ImageDraw, box: Box, colour: str, stroke: int, *, dashed: bool) -> None:
    """Bars of ``stroke`` pixels around the box with a black edge, so that they show on white and on black."""
    x0, y0, x1, y1 = box.corners
    left, top = x0 - stroke - 1, y0 - stroke - 1  # pixels x0 to x1 - 1 are the nodule's
    sides = [
        (left, top, x1 + stroke, y0 - 2),
        (left, y1 + 1, x1 + stroke, y1 + stroke),
        (left, top, x0 - 2, y1 + stroke),
        (x1 + 1, top, x1 + stroke, y1 + stroke),
    ]
    bars = [part for side in sides for part in (_dashes(side, 5.0 * stroke) if dashed else [side])]
    for bar in bars:
        pen.rectangle((bar[0] - 1, bar[1] - 1, bar[2] + 1, bar[3] + 1), fill="#000000")
    for bar in bars:
        pen.rectangle(bar, fill=colour)


def _dashes(bar: tuple[float, float, float, float], dash: float) -> list[tuple[float, float, float, float]]:
    """A bar cut into an odd number of equal parts, every other one of which is kept, so that both ends are drawn."""
    x0, y0, x1, y1 = bar
    length = max(x1 - x0, y1 - y0)
    parts = 2 * max(1, round(length / dash / 2)) + 1
    step = length / parts
    if x1 - x0 >= y1 - y0:
        return [(x0 + i * step, y0, x0 + (i + 1) * step, y1) for i in range(0, parts, 2)]
    return [(x0, y0 + i * step, x1, y0 + (i + 1) * step) for i in range(0, parts, 2)]


def _draw_scale_bar(
    pen: ImageDraw.ImageDraw, frame: Frame, scale: float, place: tuple[float, float], font: Font
) -> None:
    """A bar of whole millimetres under the frame, where the frame is calibrated."""
    if frame.spacing_mm is None:
        return
    pixels_per_mm = scale / frame.spacing_mm[1]
    fitting = [mm for mm in (50, 20, 10, 5, 2, 1) if mm * pixels_per_mm <= 0.4 * frame.width * scale]
    if fitting:
        x0, y = place[0], place[1] + 10
        x1 = x0 + fitting[0] * pixels_per_mm
        pen.line((x0, y, x1, y), fill=TEXT, width=2)
        for x in (x0, x1):
            pen.line((x, y - 5, x, y + 5), fill=TEXT, width=2)
        pen.text((x1 + 8, y), f"{fitting[0]} mm", fill=TEXT, font=font, anchor="lm")
