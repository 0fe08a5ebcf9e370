"""Which recipe to train with: a cheap comparison on training images that are held out, never on validation."""
