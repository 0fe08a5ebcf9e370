"""What a person's sentences in a chat mean, and the answers to them, without a model."""
