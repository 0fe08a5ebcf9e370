"""Build the timm module that a `BackboneSpec` describes, and load its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.learning.models.backbones import BackboneSpec
from atlantis_core.learning.models.weights_files import read_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

_SCRATCH_SEED = 20240


def create_backbone(spec: BackboneSpec, side_px: int = 0) -> nn.Module:
    """Create a backbone without classifier, in float32 and evaluation mode: images -> pooled features.

    At another side than the backbone's own (0), a transformer's position embeddings are interpolated.

    Raises:
        SetupError: The weights cannot be read or belong to another architecture, or it rejects this side.
    """
    import torch

    backbone = _create_at_own_side(spec)
    _check_described_side(backbone, spec)
    if side_px in {0, spec.input_px}:
        return backbone
    _resize_input(backbone, side_px, spec.architecture)
    try:
        with torch.no_grad():
            backbone(torch.zeros(1, 3, side_px, side_px))
    except (AssertionError, RuntimeError) as error:
        cause = " ".join(str(error).split())[:200]
        raise SetupError(f"backbone {spec.architecture!r} cannot take side_px={side_px}: {cause}") from error
    return backbone


def _create_at_own_side(spec: BackboneSpec) -> nn.Module:
    """Create the backbone with the input side that its weights were trained with."""
    import timm
    import torch

    arguments = {key: value for key, value in spec.arguments.items() if key != "num_classes"}
    if spec.weights_path is None:
        with torch.random.fork_rng(devices=[]):  # always the same scratch weights; the global state is restored
            torch.manual_seed(_SCRATCH_SEED)
            backbone: nn.Module = timm.create_model(spec.architecture, num_classes=0, **arguments)
        return backbone.eval()
    if spec.source in {"cache", "hub"}:
        return _create_pretrained(spec, arguments)
    return load_backbone(spec.architecture, arguments, read_weights(Path(spec.weights_path)))


def load_backbone(
    architecture: str, arguments: Mapping[str, Any], state: Mapping[str, Tensor], side_px: int = 0
) -> nn.Module:
    """Build timm's `architecture` and load `state` strictly; drop its classifier afterwards.

    `side_px` is the input side that the weights were resized to before they were saved; 0 if they were not.

    Raises:
        SetupError: The weights belong to another architecture or side.
    """
    import timm

    classifier = timm.models.get_pretrained_cfg_value(architecture, "classifier") or "classifier"
    rows = state.get(f"{classifier}.weight")
    options = {key: value for key, value in arguments.items() if key != "num_classes"}
    try:
        backbone: nn.Module = timm.create_model(
            architecture, pretrained=False, num_classes=0 if rows is None else len(rows), **options
        )
        if side_px:
            _resize_input(backbone, side_px, architecture)
        backbone.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except (RuntimeError, TypeError) as error:
        cause = " ".join(str(error).split())[:200]
        raise SetupError(f"the weights do not fit architecture {architecture!r}: {cause}") from error
    backbone.reset_classifier(0)  # type: ignore[operator]
    return backbone.eval()


def _create_pretrained(spec: BackboneSpec, arguments: Mapping[str, Any]) -> nn.Module:
    """Let timm load a hub file from disk: it renames the keys of older checkpoints."""
    import timm
    from safetensors import SafetensorError

    try:
        file = {"file": spec.weights_path}
        backbone: nn.Module = timm.create_model(
            spec.architecture, pretrained=True, pretrained_cfg_overlay=file, num_classes=0, **arguments
        )
    except (SafetensorError, RuntimeError, OSError) as error:
        raise SetupError(
            f"cached weights {spec.weights_path!r} of {spec.architecture!r} cannot be loaded: {error}; "
            "delete the file to fetch it again"
        ) from error
    return backbone.eval()


def _check_described_side(backbone: nn.Module, spec: BackboneSpec) -> None:
    """Refuse a described input side that is not the one that the position embeddings are for."""
    patches: Any = getattr(backbone, "patch_embed", None)
    if not getattr(patches, "strict_img_size", False) or spec.input_px in patches.img_size:
        return
    own_px = patches.img_size[0]
    raise SetupError(
        f"backbone {spec.architecture!r} takes images of {own_px} px, but its .json says input_px={spec.input_px}; "
        f"write input_px={own_px} (the setting side_px trains it at another side)"
    )


def _resize_input(backbone: nn.Module, side_px: int, architecture: str) -> None:
    """Interpolate position embeddings to another input side, where a backbone accepts only one."""
    patches: Any = getattr(backbone, "patch_embed", None)
    if not getattr(patches, "strict_img_size", False) or not hasattr(backbone, "set_input_size"):
        return
    patch_px = max(patches.patch_size)
    if side_px % patch_px:
        raise SetupError(
            f"side_px={side_px} does not fit backbone {architecture!r}, whose patches are {patch_px} px; "
            f"use a multiple of {patch_px}, such as {max(1, round(side_px / patch_px)) * patch_px}"
        )
    backbone.set_input_size(img_size=(side_px, side_px))  # type: ignore[operator]
