"""Words for figures, steps and templates."""
