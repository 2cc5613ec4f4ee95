"""Words that the study pages take from stored rows: states and acts, marked here for the catalogue of each language."""

from __future__ import annotations

from usnet.web.words import N_

STATES = {
    "running": N_("running"),
    "paused": N_("paused"),
    "ended": N_("ended"),
    "invited": N_("invited"),
    "consented": N_("consented"),
    "reading": N_("reading"),
    "finished": N_("finished"),
    "excluded": N_("excluded"),
}
"""States of a study and of a reader."""

ACTS = {
    "start": N_("start"),
    "invite": N_("invite"),
    "pause": N_("pause"),
    "resume": N_("resume"),
    "end": N_("end"),
    "extend": N_("extend"),
    "exclude": N_("exclude"),
    "waive washout": N_("waive washout"),
    "peek": N_("look before the end"),
    "analyse": N_("look at results"),
}
"""What a study's log holds beside enrolments and finished periods."""
