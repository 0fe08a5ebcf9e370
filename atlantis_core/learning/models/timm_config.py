"""Read the input settings of a model from timm's table; nothing is built or fetched."""

from __future__ import annotations

from typing import Any

from atlantis_core.base.errors import SetupError


def input_facts(name: str) -> dict[str, Any]:
    """Return a model's input settings as fields of `BackboneSpec`.

    They equal `timm.data.resolve_model_data_config` at the model's original side, timm's defaults included.

    Args:
        name: timm's name, with or without a tag.

    Raises:
        SetupError: timm does not know the tag.
    """
    import timm
    from timm.data import resolve_data_config

    try:
        published = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        raise SetupError(f"unknown backbone {name!r}: {error}") from error
    config = resolve_data_config({"in_chans": 3}, published.to_dict() if published else None)
    return {
        "mean": tuple(config["mean"]),
        "std": tuple(config["std"]),
        "input_px": int(config["input_size"][-1]),
        "interpolation": config["interpolation"],
        "crop_pct": float(config["crop_pct"]),
        "crop_mode": config["crop_mode"],
    }
