"""Filters of candidates: leaks, blank images, outliers, near-copies (the paper's ORDC)."""
