"""What a training step reads: sampling, preprocessing, augmentation, caches."""
