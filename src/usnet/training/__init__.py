"""Training: configuration, cache, sampling, augmentation, the Lightning module, and the bundle at the end."""
