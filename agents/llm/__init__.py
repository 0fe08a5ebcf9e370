"""Agents that ask a chat model."""
