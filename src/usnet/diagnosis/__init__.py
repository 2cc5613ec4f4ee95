"""One image, a folder or an archive to :class:`~usnet.values.Diagnosis` values, without torch.

Names are looked up when they are used, so that importing this package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from usnet.bundles import Bundle
    from usnet.diagnosis.fuse import GroupOpinion as GroupOpinion
    from usnet.diagnosis.fuse import fuse_all as fuse_all
    from usnet.diagnosis.pipeline import Diagnoser as Diagnoser
    from usnet.diagnosis.sources import Item as Item
    from usnet.diagnosis.sources import collect as collect
    from usnet.values import Box, Diagnosis, Finding, Frame

__all__ = ["Diagnoser", "GroupOpinion", "Item", "collect", "diagnose", "fuse_all", "score_box"]

_HOMES = {
    "Diagnoser": "pipeline",
    "GroupOpinion": "fuse",
    "Item": "sources",
    "collect": "sources",
    "fuse_all": "fuse",
}


def diagnose(path: str | Path, bundle: Bundle | str | Path | None = None) -> Diagnosis:
    """Diagnose one image file with the shipped model, or with ``bundle``.

    Opens the model anew at every call; for many images make one :class:`~usnet.diagnosis.pipeline.Diagnoser`.

    Raises
    ------
    UnreadableImage
        The file cannot be decoded.
    BundleError
        There is no such bundle, or it is damaged.
    """
    from usnet.diagnosis.pipeline import Diagnoser

    return Diagnoser(bundle).diagnose(path)


def score_box(frame: Frame, box: Box, model: Diagnoser | Bundle | str | Path | None = None) -> Finding:
    """What a model says of a box drawn on a frame; see :meth:`~usnet.diagnosis.pipeline.Diagnoser.score_box`.

    ``model`` is a running :class:`~usnet.diagnosis.pipeline.Diagnoser`, or a bundle that is opened anew at every call.

    Raises
    ------
    DataError
        The box does not lie on the frame.
    BundleError
        There is no such bundle, or it is damaged.
    """
    from usnet.diagnosis.pipeline import Diagnoser

    return (model if isinstance(model, Diagnoser) else Diagnoser(model)).score_box(frame, box)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"usnet.diagnosis.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
