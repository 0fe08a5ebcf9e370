"""Images from any `diffusers` pipeline, by folder or hub name."""
