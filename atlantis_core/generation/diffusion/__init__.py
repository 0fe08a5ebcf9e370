"""Image generation with any `diffusers` pipeline, by folder or hub name."""
