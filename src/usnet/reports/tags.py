"""Where the small tags of boxes go: beside their own box and never over any nodule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from usnet.values import Box


def place_tags(
    boxes: Sequence[Box], sizes: Sequence[tuple[int, int]], canvas: Box, gap: float, drawn: float = 0.0
) -> list[Box | None]:
    """A place for each box's tag of ``(width, height)`` inside ``canvas``.

    Corners of the own box come first (above, below, beside), then the nearest free place. A tag touches no box and no other tag;
    ``None`` where nothing is free. ``drawn`` is how far a box's outline reaches beyond it.
    """
    outlines = [Box(b.x - drawn, b.y - drawn, b.width + 2 * drawn, b.height + 2 * drawn) for b in boxes]
    taken = list(outlines)
    places: list[Box | None] = []
    for outline, (width, height) in zip(outlines, sizes, strict=True):
        options = _options(outline, width, height, canvas, gap)
        place = next((option for option in options if _free(option, canvas, taken)), None)
        places.append(place)
        if place is not None:
            taken.append(place)
    return places


def _options(box: Box, width: float, height: float, canvas: Box, gap: float) -> Iterator[Box]:
    x0, y0, x1, y1 = box.corners
    left = min(x0, canvas.x + canvas.width - width)
    right = max(x1 - width, canvas.x)
    for y in (y0 - gap - height, y1 + gap):
        yield Box(left, y, width, height)
        yield Box(right, y, width, height)
    for y in (y0, y1 - height):
        yield Box(x1 + gap, y, width, height)
        yield Box(x0 - gap - width, y, width, height)
    yield from _grid(box, width, height, canvas)


def _grid(box: Box, width: float, height: float, canvas: Box) -> list[Box]:
    """Places all over the canvas, the nearest to the box first."""
    middle = (box.x + box.width / 2, box.y + box.height / 2)
    step = max(height / 2, canvas.width / 64, 1.0)
    columns = int((canvas.width - width) // step) + 1
    rows = int((canvas.height - height) // step) + 1
    places = [Box(canvas.x + c * step, canvas.y + r * step, width, height) for r in range(rows) for c in range(columns)]
    return sorted(places, key=lambda p: (p.x + width / 2 - middle[0]) ** 2 + (p.y + height / 2 - middle[1]) ** 2)


def _free(place: Box, canvas: Box, taken: Sequence[Box]) -> bool:
    x0, y0, x1, y1 = place.corners
    cx0, cy0, cx1, cy1 = canvas.corners
    inside = x0 >= cx0 and y0 >= cy0 and x1 <= cx1 and y1 <= cy1
    return inside and all(place.intersection(other) == 0 for other in taken)
