"""Backbones, heads, weights and checkpoints."""
