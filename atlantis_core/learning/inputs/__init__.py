"""Inputs of a training step: sampling, preprocessing, augmentation, caches."""
