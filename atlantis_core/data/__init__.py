"""Collections: reading, inspecting, splitting, facets, the sealed test split and retrieval tasks."""
