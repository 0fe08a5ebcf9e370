"""Conversations: the loop, the terminal, the record."""
