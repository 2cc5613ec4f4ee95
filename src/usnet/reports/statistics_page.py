"""The outcome of a statistics command as one page that needs no network and no script."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import usnet
from usnet.reports import style
from usnet.reports.statistics import Outcome, cell_text


def page(outcome: Outcome, pictures: Sequence[tuple[str, str]] = ()) -> str:
    """The page; ``pictures`` are (name, ``<svg>``)."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("usnet.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["cell"] = cell_text
    return environment.get_template("statistics.html.j2").render(
        o=outcome,
        title=outcome.title or (outcome.grids[0].title if outcome.grids else outcome.command),
        pictures=[(name, Markup(picture)) for name, picture in pictures],
        version=usnet.__version__,
        written=datetime.now(UTC).isoformat(timespec="minutes"),
        research_use=style.RESEARCH_USE,
    )
