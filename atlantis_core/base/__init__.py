"""What every other package builds on: errors, registries, hashing, serialization, atomic writes."""
