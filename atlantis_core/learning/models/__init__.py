"""Backbones, embedding heads, weights files and checkpoints."""
