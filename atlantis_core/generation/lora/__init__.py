"""Fits a diffusion pipeline to a collection's training photos by LoRA (Hu et al. 2022, arXiv 2106.09685)."""
