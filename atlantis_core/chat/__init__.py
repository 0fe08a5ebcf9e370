"""What a person's sentences may mean and what is answered, without a model."""
