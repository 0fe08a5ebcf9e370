"""Training: the loop, its optimiser and what guards it."""
