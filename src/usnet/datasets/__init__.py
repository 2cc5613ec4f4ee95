"""Datasets: COCO on disk, import, check, split, describe."""
