"""Prepare weights for the package."""

from __future__ import annotations

import json
from pathlib import Path


def make_readable(folder: Path) -> None:
    """Make a folder's weights readable for everyone; safetensors writes them for the owner only."""
    for file in folder.rglob("*.safetensors"):
        file.chmod(0o644)


def compute_in_float32(folder: Path) -> None:
    """Have half-precision weights opened in float32, as the package opens them.

    `transformers` opens a model in the `dtype` of its `config.json`, `diffusers` in float32: opened by name, a
    half-precision text encoder and a float32 denoiser would meet in one pipeline and fail.
    """
    for file in folder.rglob("config.json"):
        config = json.loads(file.read_text(encoding="utf-8"))
        if "dtype" in config:
            file.write_text(json.dumps(config | {"dtype": "float32"}, indent=2) + "\n", encoding="utf-8")
