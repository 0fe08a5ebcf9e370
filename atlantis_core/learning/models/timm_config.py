"""What timm says of a model's input, from its table: nothing is built or fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError

if TYPE_CHECKING:
    from atlantis_core.learning.models.backbones import BackboneSpec


def input_facts(name: str) -> dict[str, Any]:
    """Return the fields of a `Backbone` that timm's configuration of a model gives.

    They are those of `timm.data.resolve_model_data_config` at the side the model was trained with; what its
    configuration leaves open has timm's defaults.

    Args:
        name: timm's name, with or without a tag.

    Raises:
        SetupError: timm knows no such tag.
    """
    import timm
    from timm.data import resolve_data_config

    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        raise SetupError(f"unknown backbone {name!r}: {error}") from error
    told = resolve_data_config({"in_chans": 3}, config.to_dict() if config else None)
    return {
        "mean": tuple(told["mean"]),
        "std": tuple(told["std"]),
        "input_px": int(told["input_size"][-1]),
        "interpolation": told["interpolation"],
        "crop_pct": float(told["crop_pct"]),
        "crop_mode": told["crop_mode"],
    }


def earlier_preprocessing(backbone: BackboneSpec) -> str:
    """Say that a model of timm's is given images as before its settings were respected; empty where it is not so.

    Weights from a file are as the description beside them says, and the small transformer from scratch has no
    published settings.
    """
    if backbone.preprocessing > 1 or backbone.source == "file" or backbone.pinned_name == "scratch":
        return ""
    facts = input_facts(backbone.architecture)
    crop = f"{facts['interpolation']}, crop_pct {facts['crop_pct']:g}, crop_mode {facts['crop_mode']}"
    return (
        "Images are prepared as when this model was made (the central square, bicubic), not with timm's settings of "
        f"{backbone.architecture} ({crop}); train again to use those"
    )
