"""Statistics of a collection, and the gaps where retrieval fails."""
