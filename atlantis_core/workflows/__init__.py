"""What works without a run: train, diagnose, evaluate, the sealed test."""
