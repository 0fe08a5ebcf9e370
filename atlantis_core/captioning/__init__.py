"""Captions: what an image shows, in words and in attribute values."""
