"""Objects cut out of photos and pasted on other backgrounds (Dwibedi et al. 2017, arXiv 1708.01642)."""
