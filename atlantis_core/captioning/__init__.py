"""Captioners: describe an image in words and in attribute values."""
