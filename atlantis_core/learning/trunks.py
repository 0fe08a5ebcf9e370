"""Making the trunk that a `Backbone` describes, and loading weights into it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.errors import SetupError
from atlantis_core.learning.backbones import Backbone
from atlantis_core.learning.weights import read_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

_SCRATCH_SEED = 20240


def create_trunk(backbone: Backbone) -> nn.Module:
    """Make the trunk, in float32 and evaluation mode, without classifier: images -> pooled features.

    Raises:
        SetupError: The weights cannot be read, or belong to another architecture.
    """
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
    return load_trunk(backbone.architecture, arguments, read_weights(Path(backbone.weights_path)))


def load_trunk(architecture: str, arguments: Mapping[str, Any], state: Mapping[str, Tensor]) -> nn.Module:
    """Build `architecture` and load `state` strictly; a classifier in it is loaded and then dropped.

    Raises:
        SetupError: The weights belong to another architecture.
    """
    import timm

    classifier = timm.models.get_pretrained_cfg_value(architecture, "classifier") or "classifier"
    rows = state.get(f"{classifier}.weight")
    options = {key: value for key, value in arguments.items() if key != "num_classes"}
    try:
        trunk: nn.Module = timm.create_model(
            architecture, pretrained=False, num_classes=0 if rows is None else len(rows), **options
        )
        trunk.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()})
    except (RuntimeError, TypeError) as error:
        cause = " ".join(str(error).split())[:200]
        raise SetupError(f"the weights do not fit architecture {architecture!r}: {cause}") from error
    trunk.reset_classifier(0)  # type: ignore[operator]
    return trunk.eval()


def _pretrained(backbone: Backbone, arguments: Mapping[str, Any]) -> nn.Module:
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
