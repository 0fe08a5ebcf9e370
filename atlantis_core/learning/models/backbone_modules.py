"""Making the trunk that a `BackboneSpec` describes, and loading weights into it."""

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


def create_backbone(backbone: BackboneSpec, side_px: int = 0) -> nn.Module:
    """Make the trunk, in float32 and evaluation mode, without classifier: images -> pooled features.

    Args:
        backbone: Architecture and weights.
        side_px: Side of the square input; 0 takes the backbone's own. A transformer's position embeddings are
            interpolated to another side.

    Raises:
        SetupError: The weights cannot be read, belong to another architecture, or it takes no such input.
    """
    trunk = _create_at_own_side(backbone)
    _check_described_side(trunk, backbone)
    if side_px not in {0, backbone.input_px}:
        _resize_input(trunk, side_px, backbone.architecture)
        _check_side(trunk, side_px, backbone.architecture)
    return trunk


def _create_at_own_side(backbone: BackboneSpec) -> nn.Module:
    """Make the trunk for the input that its weights were trained with."""
    import timm
    import torch

    arguments = {key: value for key, value in backbone.arguments.items() if key != "num_classes"}
    if backbone.weights_path is None:
        with torch.random.fork_rng(devices=[]):  # the same scratch weights every time, and no global seed left
            torch.manual_seed(_SCRATCH_SEED)
            trunk: nn.Module = timm.create_model(backbone.architecture, num_classes=0, **arguments)
        return trunk.eval()
    if backbone.source in {"cache", "hub"}:
        return _pretrained(backbone, arguments)
    return load_backbone(backbone.architecture, arguments, read_weights(Path(backbone.weights_path)))


def load_backbone(
    architecture: str, arguments: Mapping[str, Any], state: Mapping[str, Tensor], side_px: int = 0
) -> nn.Module:
    """Build `architecture` and load `state` strictly; a classifier in it is loaded and then dropped.

    Args:
        architecture: timm's name.
        arguments: Of `timm.create_model`.
        state: The weights by name.
        side_px: Input side that the weights were resized to before they were saved; 0 where they were not.

    Raises:
        SetupError: The weights belong to another architecture or side.
    """
    import timm

    classifier = timm.models.get_pretrained_cfg_value(architecture, "classifier") or "classifier"
    rows = state.get(f"{classifier}.weight")
    options = {key: value for key, value in arguments.items() if key != "num_classes"}
    try:
        trunk: nn.Module = timm.create_model(
            architecture, pretrained=False, num_classes=0 if rows is None else len(rows), **options
        )
        if side_px:
            _resize_input(trunk, side_px, architecture)
        trunk.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except (RuntimeError, TypeError) as error:
        cause = " ".join(str(error).split())[:200]
        raise SetupError(f"the weights do not fit architecture {architecture!r}: {cause}") from error
    trunk.reset_classifier(0)  # type: ignore[operator]
    return trunk.eval()


def _pretrained(backbone: BackboneSpec, arguments: Mapping[str, Any]) -> nn.Module:
    """Let timm load a hub file from disk: it renames keys where a checkpoint's differ from the model's."""
    import timm
    from safetensors import SafetensorError

    try:
        trunk: nn.Module = timm.create_model(
            backbone.architecture,
            pretrained=True,
            pretrained_cfg_overlay={"file": backbone.weights_path},
            num_classes=0,
            **arguments,
        )
    except (SafetensorError, RuntimeError, OSError) as error:
        raise SetupError(
            f"cached weights {backbone.weights_path!r} of {backbone.architecture!r} cannot be loaded: {error}; "
            "delete the file to fetch it again"
        ) from error
    return trunk.eval()


def _check_described_side(trunk: nn.Module, backbone: BackboneSpec) -> None:
    """Refuse a description of weights whose side is not the one that their position embeddings are for.

    Raises:
        SetupError: It is not.
    """
    patches: Any = getattr(trunk, "patch_embed", None)
    if not getattr(patches, "strict_img_size", False) or backbone.input_px in patches.img_size:
        return
    own_px = patches.img_size[0]
    raise SetupError(
        f"backbone {backbone.architecture!r} was made for {own_px} px, but its description says "
        f"input_px={backbone.input_px}; write {own_px} there (side_px trains it at another side)"
    )


def _resize_input(trunk: nn.Module, side_px: int, architecture: str) -> None:
    """Let a trunk that insists on one input side take another: its position embeddings are interpolated to it.

    Raises:
        SetupError: Its patches do not fill such a square.
    """
    patches: Any = getattr(trunk, "patch_embed", None)
    if not getattr(patches, "strict_img_size", False) or not hasattr(trunk, "set_input_size"):
        return
    patch_px = max(patches.patch_size)
    if side_px % patch_px:
        raise SetupError(
            f"backbone {architecture!r} reads patches of {patch_px} px: side_px must be a multiple of {patch_px}, "
            f"not {side_px}; the nearest is {max(1, round(side_px / patch_px)) * patch_px}"
        )
    trunk.set_input_size(img_size=(side_px, side_px))  # type: ignore[operator]


def _check_side(trunk: nn.Module, side_px: int, architecture: str) -> None:
    """Refuse a side that a trunk cannot take, whatever its family, by giving it one blank picture.

    Raises:
        SetupError: It cannot.
    """
    import torch

    try:
        with torch.no_grad():
            trunk(torch.zeros(1, 3, side_px, side_px))
    except (AssertionError, RuntimeError) as error:
        cause = " ".join(str(error).split())[:200]
        raise SetupError(f"backbone {architecture!r} cannot take side_px={side_px}: {cause}") from error
