"""What every room stands on: errors, registries, hashing, serialization, atomic files."""
