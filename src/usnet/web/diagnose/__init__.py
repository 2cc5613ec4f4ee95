"""Diagnose: files in, findings on the screen, the doctor's own words beside them."""
