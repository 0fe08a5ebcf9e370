"""Prompts that a chat model wrote: read out of its answer, held against the class they are for, chosen."""
