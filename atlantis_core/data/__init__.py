"""Collections: reading, inspection, splits, facets, near-duplicates, the sealed test split and retrieval tasks."""
