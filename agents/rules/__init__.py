"""Agents that decide by rules."""
