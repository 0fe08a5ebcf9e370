"""Training of the bundled models; no other room imports it."""
