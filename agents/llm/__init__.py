"""Agents that decide with a chat model."""
