"""What every room uses: errors, registries, option strings, hashing, serialization, atomic files."""
