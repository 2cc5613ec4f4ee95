"""Results leaving the house: table, COCO, JSON, pictures, one page, and the record of the run."""
