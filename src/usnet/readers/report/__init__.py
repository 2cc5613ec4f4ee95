"""What an analysis leaves behind: one page (HTML and PDF), its figures, and every export."""

from __future__ import annotations

from usnet.readers.report.writing import write_report

__all__ = ["write_report"]
