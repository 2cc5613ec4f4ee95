"""The network as a drawing (the paper's Figure 2), with the sizes that a configuration really gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from usnet.models.config import NetworkConfig

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, BODY, HEAD = "#22313f", "#d6e6f2", "#fbe3c0"


def schema_figure(config: NetworkConfig) -> Figure:
    """Preprocessing, backbone, feature pyramid and heads, from left to right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=(0, 11), ylim=(0, 5.4))
    axes.axis("off")
    size = config.anchors.image_size
    _headings(axes)
    _block(axes, 0.1, 1.9, 1.3, 1.4, f"grey image\nletterboxed\n{size} x {size}", "#eeeeee")
    expansion = 4 if config.backbone == "resnet50" else 1
    stages = ["layer1", "layer2", "layer3" if config.last_stage == "dropped" else "layer4, dilated"]
    widths = [64, 128, 256 if config.last_stage == "dropped" else 512]
    _block(axes, 2.0, 1.9, 1.1, 1.4, f"{config.backbone}\n1-channel\nstem", BODY)
    _arrow(axes, 1.4, 2.6, 2.0, 2.6)
    for row, (stride, stage, width) in enumerate(zip(config.anchors.strides, stages, widths, strict=True)):
        y = 3.7 - 1.6 * row
        side = size // stride
        _block(axes, 3.7, y, 1.6, 1.0, f"{stage}\n{side} x {side} x {width * expansion}", BODY)
        _block(axes, 6.0, y, 1.6, 1.0, f"P{row + 2}\n{side} x {side} x {config.pyramid_channels}", BODY)
        _block(axes, 8.4, y, 2.5, 1.0, _head_text(config, row), HEAD)
        _arrow(axes, 5.3, y + 0.5, 6.0, y + 0.5)
        _arrow(axes, 7.6, y + 0.5, 8.4, y + 0.5)
        if row:
            _arrow(axes, 4.5, y + 1.6, 4.5, y + 1.0)
            _arrow(axes, 6.8, y + 1.0, 6.8, y + 1.6)
    _arrow(axes, 3.1, 2.9, 3.7, 4.1)
    return figure


def _head_text(config: NetworkConfig, level: int) -> str:
    anchors = config.anchors
    return (
        f"{anchors.per_cell} anchors a cell, from {anchors.sizes[level]:g} px\n"
        f"{config.head_depth} x {config.head_channels} convolutions, twice:\n2 class scores, 4 box codes"
    )


def _headings(axes: Axes) -> None:
    for x, text in (
        (0.75, "A  input"),
        (3.6, "B  backbone"),
        (6.8, "C  pyramid"),
        (9.65, "heads, shared by all levels"),
    ):
        axes.text(x, 5.1, text, ha="center", fontsize=11, fontweight="bold", color=INK)


def _block(axes: Axes, x: float, y: float, width: float, height: float, text: str, colour: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (x, y), width, height, boxstyle="round,pad=0,rounding_size=0.08", facecolor=colour, edgecolor=INK
        )
    )
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=9, color=INK)


def _arrow(axes: Axes, x0: float, y0: float, x1: float, y1: float) -> None:
    axes.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.2})
