"""Training: the loop, its optimiser, early stopping and the detection of divergence."""
