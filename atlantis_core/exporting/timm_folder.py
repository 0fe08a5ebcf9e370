"""An exported retriever as a folder that timm opens: `timm.create_model("local-dir:FOLDER", pretrained=True)`.

The projection of the head becomes the classifier: what timm's model returns is the embedding before its length is
changed, so its cosines are the retriever's. Nothing is stored twice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.learning.models.backbones import BackboneSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

CONFIG_NAME = "config.json"


def write_for_timm(
    folder: Path,
    spec: BackboneSpec,
    side_px: int,
    backbone: Mapping[str, Tensor],
    projection: Tensor | None,
    *,
    by_body: bool,
) -> str | None:
    """Write `model.safetensors` and `config.json` as timm does.

    Args:
        folder: An existing folder.
        spec: The backbone.
        side_px: Side of the input.
        backbone: Its weights, by timm's names, without classifier.
        projection: Weights (D, F) of the head; None for a retriever without one.
        by_body: Whether the embeddings are the pooled features, even if there is a projection.

    Returns:
        Name of the classifier, empty without a projection; None, and nothing is written, if timm's model has no
        linear classifier for these features.
    """
    import timm

    arguments = _model_arguments(spec, side_px)
    dims = 0 if projection is None else len(projection)
    module = timm.create_model(spec.architecture, num_classes=dims, **arguments)
    classifier = module.pretrained_cfg.get("classifier")
    if projection is None:
        classifier = ""
    elif not isinstance(classifier, str) or not _is_linear(module, projection):
        return None
    module.load_state_dict({**backbone, **_name_projection(classifier, projection)})
    settings = {
        "input_size": [3, side_px, side_px],
        "mean": list(spec.mean),
        "std": list(spec.std),
        "interpolation": spec.interpolation,
        "crop_pct": spec.crop_pct,
        "crop_mode": spec.crop_mode,
        "custom_load": False,
    }
    timm.models.save_for_hf(
        module, str(folder), {"pretrained_cfg": settings}, model_args=arguments, safe_serialization=True
    )
    if by_body and classifier:
        _leave_out_classifier(folder / CONFIG_NAME)
    return classifier


def _leave_out_classifier(file: Path) -> None:
    """Have timm build the model without the classifier that the weights have; it drops those weights then."""
    config = json.loads(file.read_text(encoding="utf-8"))
    config["model_args"] = config.get("model_args", {}) | {"num_classes": 0}
    file.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _model_arguments(spec: BackboneSpec, side_px: int) -> dict[str, Any]:
    """Return timm's arguments; where it builds for one side only, that is the one the weights were trained at."""
    import timm

    arguments = {key: value for key, value in spec.arguments.items() if key != "num_classes"}
    if side_px != spec.input_px:
        plain = timm.create_model(spec.architecture, num_classes=0, **arguments)
        if getattr(getattr(plain, "patch_embed", None), "strict_img_size", False):
            arguments["img_size"] = side_px
    return arguments


def _is_linear(module: nn.Module, projection: Tensor) -> bool:
    from torch import nn

    layer = module.get_classifier()  # type: ignore[operator]
    return isinstance(layer, nn.Linear) and layer.weight.shape == projection.shape and layer.bias is not None


def _name_projection(classifier: str, projection: Tensor | None) -> dict[str, Tensor]:
    import torch

    if projection is None:
        return {}
    return {f"{classifier}.weight": projection, f"{classifier}.bias": torch.zeros(len(projection))}
