"""Filtering made images: leaks, blanks, outliers, copies (the paper's ORDC)."""
