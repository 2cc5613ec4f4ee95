"""Annotate a dataset in the browser: boxes, labels, second readers, adjudication, agreement, export."""
