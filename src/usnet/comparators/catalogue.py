"""All methods by name, built by a function: there is no registry."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from usnet.comparators.bundle import External, FromBundle
from usnet.comparators.classical import Classical
from usnet.comparators.features import FeatureTable
from usnet.comparators.learners import learners
from usnet.comparators.loop import Shelf
from usnet.comparators.method import Method
from usnet.comparators.network import Network
from usnet.comparators.once import Once
from usnet.comparators.trivial import trivial_methods
from usnet.errors import ConfigError

FAMILIES = ("trivial", "classical", "segmentation", "detector", "ablation", "external")
BOXES = ("found", "given", "both")


def catalogue(
    *, bundle: str | None = None, boxes: str = "found", external: Sequence[Path] = (), ablations: Path | None = None
) -> dict[str, Method]:
    """Every method by its name, USNet first.

    Parameters
    ----------
    bundle
        USNet as a trained bundle; ``None`` trains it as the others are.
    boxes
        What classical methods judge: boxes that USNet ``found``, the true ones (``given``; their names end so), or ``both``.
    external
        COCO results, each a method named as its file.
    ablations
        TOML of rows with ``says`` and ``set``; ``None`` for the package's own.

    Raises
    ------
    ConfigError
        ``boxes`` is none of the three, two methods have one name, or the file of ablations is no such TOML.
    """
    if boxes not in BOXES:
        raise ConfigError(f"boxes {boxes!r}", expected=f"one of {', '.join(BOXES)}")
    shelf, table = Shelf(), FeatureTable()
    usnet = Once(_usnet(bundle, shelf))
    methods: list[Method] = [usnet, *trivial_methods()]
    if boxes in ("found", "both"):
        methods += [Classical(e.name, e.says, "classical", "", e, table, usnet.finder) for e in learners()]
    if boxes in ("given", "both"):
        methods += [Classical(f"{e.name}-given", e.says, "classical", "true boxes", e, table) for e in learners()]
    methods += _networks(shelf)
    methods += _ablations(ablations, shelf)
    methods += [External(p.stem, f"results in {p.name}", "external", "", p) for p in external]
    found: dict[str, Method] = {}
    for method in methods:
        if method.name in found:
            raise ConfigError(f"two methods are called {method.name!r}", hint="Rename the file of predictions")
        found[method.name] = method
    return found


def chosen(known: dict[str, Method], names: str) -> list[Method]:
    """USNet, and the methods that ``names`` asks for: names or families with commas, or ``all``. External results are always in.

    Raises
    ------
    ConfigError
        There is no such method.
    """
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    unknown = wanted - {"all", *FAMILIES, *known}
    if unknown:
        raise ConfigError(
            f"no method {', '.join(sorted(unknown))}",
            expected=f"all, a family ({', '.join(FAMILIES)}) or a name",
            hint="--list",
        )
    everything = "all" in wanted
    return [
        m
        for m in known.values()
        if everything or m.name in wanted or m.kind in wanted or m.kind in ("usnet", "external")
    ]


def _usnet(bundle: str | None, shelf: Shelf) -> Method:
    if bundle is not None:
        return FromBundle("usnet", f"USNet, bundle {bundle}", "usnet", "", bundle)
    return Network("usnet", "USNet, trained with the same budget", "usnet", make=_make("usnet_network"), shelf=shelf)


def _networks(shelf: Shelf) -> Iterator[Network]:
    rows: tuple[tuple[str, str, str, Any], ...] = (
        ("faster-rcnn", "Faster R-CNN, ResNet-50 feature pyramid, torchvision's", "faster_rcnn", "detector"),
        ("ssd", "SSD 300, VGG-16, torchvision's", "ssd", "detector"),
        ("ssd-lite", "SSDLite 320, MobileNetV3, torchvision's", "ssd_lite", "detector"),
        ("retinanet", "RetinaNet as published: P3 to P7, gamma 2, torchvision's", "retinanet", "detector"),
        ("fcos", "FCOS, ResNet-50 feature pyramid, torchvision's", "fcos", "detector"),
        ("yolo-grid", "YOLO-style grid of anchors on USNet's backbone, own code", "yolo_grid", "detector"),
        ("unet", "small U-Net, boxes around its paint", "unet", "segmentation"),
    )
    for name, says, module, kind in rows:
        yield Network(name, says, kind, make=_make(module), shelf=shelf)
    yield Network(
        "rt-detr",
        "RT-DETR, ResNet-50, the library transformers'",
        "detector",
        make=_make("rt_detr"),
        shelf=shelf,
        modules=("transformers",),
        extra="detr",
    )


def _make(module: str) -> Any:
    """The ``make`` of a method's module, imported when it trains."""

    def make(config: Any) -> Any:
        from importlib import import_module

        return import_module(f"usnet.comparators.{module}").make(config)

    return make


def _ablations(path: Path | None, shelf: Shelf) -> Iterator[Network]:
    name = "the package's ablations.toml" if path is None else str(path)
    try:
        text = (
            resources.files("usnet.comparators").joinpath("ablations.toml").read_text(encoding="utf-8")
            if path is None
            else path.read_text(encoding="utf-8")
        )
        rows = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"not readable as TOML ({error})", source=name) from error
    for row, entry in rows.items():
        if not (isinstance(entry, dict) and isinstance(entry.get("says"), str) and isinstance(entry.get("set"), list)):
            raise ConfigError(f"row {row!r}", source=name, expected="says = text and set = [SECTION.KEY=VALUE ...]")
        yield Network(
            row, entry["says"], "ablation", make=_make("usnet_network"), overrides=tuple(entry["set"]), shelf=shelf
        )
