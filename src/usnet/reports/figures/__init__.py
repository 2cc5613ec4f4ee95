"""Figures of the paper, drawn anew: focal loss, network schema, annotated images. All need matplotlib (extra ``evaluate``)."""
