"""Prompts from a chat model: parsed from its reply, checked against their class, selected."""
