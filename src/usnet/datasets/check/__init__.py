"""Every problem of a dataset in one run: a kind of check a file."""

from __future__ import annotations

from usnet.datasets.check.report import CheckReport, Coverage, Problem, Severity
from usnet.datasets.check.runner import check_dataset

__all__ = ["CheckReport", "Coverage", "Problem", "Severity", "check_dataset"]
