"""What every other package builds on: errors, registries, option strings, hashing, serialization, atomic writes."""
