"""The analysis of a reader study: the paper's two tables, and what the paper lacks."""
