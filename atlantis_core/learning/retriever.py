"""The retriever: a model that turns images into embeddings to search with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.parallel import best_device, keep_freed_memory
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.base.text import to_one_line
from atlantis_core.learning.inputs.activation_cache import ActivationCache, IdentifiedImage, ViewKind
from atlantis_core.learning.inputs.preprocessing import decode_image, to_batch, to_input
from atlantis_core.learning.models.backbone_modules import create_backbone, load_backbone
from atlantis_core.learning.models.backbones import BackboneSpec, check_name, resolve_backbone
from atlantis_core.learning.models.checkpoint import WEIGHTS_NAME, name_parts
from atlantis_core.learning.models.heads import Head, Sphere, head_from_facts, make_empty_head
from atlantis_core.learning.models.split_backbone import Stages, split_backbone
from atlantis_core.learning.models.weights_files import crop_facts, parse_rgb, read_facts, read_weights
from atlantis_core.learning.recipe import EMBEDDINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor, nn


_SPHERE = Sphere()


@dataclass(frozen=True, slots=True, repr=False)
class Retriever:
    """A backbone with or without an embedding head."""

    backbone: BackboneSpec
    """The initial backbone. `stages` contains the trained module, whose frozen lower part is unchanged."""
    stages: Stages
    head: nn.Module | None
    """None if the embeddings are the unit-length pooled features."""
    side_px: int
    space: Head = _SPHERE
    training: str | None = None
    """Content hash of its training; None if it was not trained here."""

    def __repr__(self) -> str:
        """Describe the retriever in one line, without its weights."""
        output = f"{self.dims} dimensions, {self.space.distance} distance"
        return f"<Retriever {self.backbone.architecture}, {self.embedding}: {self.side_px} px -> {output}>"

    @property
    def embedding(self) -> str:
        """`head`, or `body` if the embeddings are the pooled features."""
        return "body" if self.head is None else "head"

    @property
    def weights(self) -> Literal["random", "pretrained", "trained"]:
        """Origin of the weights; `random` ones were neither loaded nor trained."""
        return self.backbone.weights if self.training is None else "trained"

    @property
    def dims(self) -> int:
        """Number of dimensions D of an embedding."""
        if self.head is not None:
            return int(self.head.linear.out_features)  # type: ignore[union-attr,arg-type]
        module = self.stages.backbone
        return int(getattr(module, "head_hidden_size", module.num_features))  # type: ignore[arg-type]

    def embed(
        self,
        images: Sequence[str | Path | Image],
        batch_size: int = 64,
        progress: Progress = no_progress,
    ) -> NDArray[np.float32]:
        """Embed N images, given as paths or decoded; return (N, D), float32, in order.

        They are unit vectors, or points of the Poincare ball of curvature -`space.c` if the distance is `hyperbolic`.

        Raises:
            SetupError: An image cannot be read, or `images` is a single image instead of a list.
        """
        # A string is a sequence too, and a generator has no slices.
        if isinstance(images, str | bytes) or not hasattr(images, "__getitem__"):
            raise SetupError(f"embed takes a list of images, not {to_one_line(images)}; for one image, write [image]")

        def lower(start: int) -> Tensor:
            decoded = map(decode_image, images[start : start + batch_size])
            return self._lower([to_input(image, self.side_px, self.backbone) for image in decoded])

        return self._embed_batches(lower, len(images), batch_size, progress)

    def embed_inputs(self, squares: Sequence[Image], batch_size: int = 64) -> NDArray[np.float32]:
        """Embed N squares of the input's side, as `to_input` gives them, without preprocessing; see `embed`."""
        return self._embed_batches(
            lambda start: self._lower(squares[start : start + batch_size]), len(squares), batch_size, no_progress
        )

    def _lower(self, squares: Sequence[Image]) -> Tensor:
        activations: Tensor = self.stages.lower(to_batch(squares, self.backbone).to(self.stages.device))
        return activations

    def embed_cached(
        self,
        images: Sequence[IdentifiedImage],
        cache: ActivationCache,
        batch_size: int = 128,
        progress: Progress = no_progress,
    ) -> NDArray[np.float32]:
        """Embed N images through the activation cache, as `embed` does; the two agree to 1e-3.

        The cache is not used if the backbone is trained from its stem on, since nothing is worth caching then.

        Raises:
            SetupError: An image cannot be read.
        """
        import torch

        if not self.stages.worth_caching:
            return self.embed([image.path for image in images], batch_size, progress)
        cached = cache.load(images, ViewKind(self.side_px), self.backbone, self.stages, progress)

        def lower(start: int) -> Tensor:
            clean = np.stack([views[0] for views in cached[start : start + batch_size]])
            return torch.from_numpy(clean).to(self.stages.device).float()

        return self._embed_batches(lower, len(images), batch_size, progress)

    def embed_activations(self, activations: Tensor) -> Tensor:
        """Return embeddings (B, D), float32 without gradient, of activations (B, ...) of the lower part."""
        import torch

        with torch.inference_mode():
            return self.apply_head(self.stages.upper(activations)).float()

    def apply_head(self, features: Tensor) -> Tensor:
        """Return embeddings (B, D), with gradient, of pooled features (B, F)."""
        import torch

        if self.head is None:
            return torch.nn.functional.normalize(features, dim=1)
        embeddings: Tensor = self.head(features)
        return embeddings

    def _embed_batches(self, lower: Any, count: int, batch_size: int, progress: Progress) -> NDArray[np.float32]:
        import torch

        keep_freed_memory()
        chunks = []
        with torch.inference_mode():
            for start in range(0, count, batch_size):
                progress("embedding", start, count)
                chunks.append(self.embed_activations(lower(start)).cpu().numpy())
        progress("embedding", count, count)
        return np.concatenate(chunks) if chunks else np.zeros((0, self.dims), dtype=np.float32)


def frozen_retriever(backbone: BackboneSpec, trainable_fraction: float = 0.0, side_px: int = 0) -> Retriever:
    """Return a retriever without training, whose embeddings are the backbone's unit-length pooled features.

    `trainable_fraction` says where to split for `embed_cached`; use the recipe's to share its cache.

    Raises:
        SetupError: As `create_backbone`.
    """
    stages = split_backbone(create_backbone(backbone, side_px).to(best_device()), trainable_fraction)
    return Retriever(backbone, stages, None, side_px or backbone.input_px)


def load_retriever(model: str | Path, embedding: str | None = None) -> Retriever:
    """Load a trained retriever, or any backbone as a retriever.

    Args:
        model: A checkpoint folder, a safetensors file with its `.json` beside it, a timm name with available weights,
            `harbor-student`, or `scratch:` and a timm name for random weights.
        embedding: `head`, or `body` for the pooled features below it; None takes the one it was trained for.

    Raises:
        SetupError: Unknown model, unavailable or damaged weights, or `head` for a model without one.
    """
    if embedding not in {None, *EMBEDDINGS}:
        raise SetupError(f"embedding must be one of {', '.join(EMBEDDINGS)}, not {embedding!r}")
    path = Path(model)
    if path.is_dir():
        path = path / WEIGHTS_NAME
    if path.suffix != ".safetensors" and not path.exists():
        return _without_head(frozen_retriever(resolve_backbone(str(model), or_random=False)), model, embedding)
    state = read_weights(path)
    facts = read_facts(path)
    if "head" not in facts:
        return _without_head(frozen_retriever(resolve_backbone(weights=str(path))), model, embedding)
    return _load_trained(path, state, facts, embedding)


def _without_head(retriever: Retriever, model: str | Path, embedding: str | None) -> Retriever:
    if embedding == "head":
        raise SetupError(
            f"{str(model)!r} has no head, since it was not trained here; use embedding 'body' or leave it out"
        )
    return retriever


def _load_trained(path: Path, state: dict[str, Tensor], facts: dict[str, Any], embedding: str | None) -> Retriever:
    try:
        spec = _spec_from_facts(facts, path)
        if spec.weights_path is None and spec.source != "scratch":
            spec = replace(spec, weights_path=str(path))  # exported: this file contains the lower part
        training = str(facts["report"]["key"])
        fraction = float(facts["recipe"]["trainable_fraction"])
        if not 0 <= fraction <= 1:
            raise ValueError(f"trainable_fraction must be from 0 to 1, not {fraction}")
        space = head_from_facts(facts["head"])
        state = name_parts(state, facts)
        rows, columns = state["head.linear.weight"].shape
        head = make_empty_head(space, columns, rows)
        head.load_state_dict(_strip_prefix(state, "head."))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        cause = " ".join(repr(error).split())[:200]
        raise SetupError(f"checkpoint {str(path)!r} is damaged: {cause}") from error
    side_px = int(facts["input_px"])
    resized_px = 0 if side_px == spec.input_px else side_px
    backbone = load_backbone(spec.architecture, spec.arguments, _strip_prefix(state, "trunk."), resized_px)
    device = best_device()
    stages = split_backbone(backbone.to(device), fraction)
    if (embedding or facts["recipe"].get("embedding", "head")) == "body":
        return Retriever(spec, stages, None, side_px, training=training)
    return Retriever(spec, stages, head.to(device).eval(), side_px, space, training)


def _spec_from_facts(facts: dict[str, Any], path: Path) -> BackboneSpec:
    """Return the backbone that a checkpoint describes, after checking its name and numbers."""
    check_name(facts["architecture"])
    mean, std = (parse_rgb(facts[key], key, path) for key in ("mean", "std"))
    stored = BackboneSpec(**facts["backbone"]).with_first_preprocessing()
    names = {"architecture": facts["architecture"], "arguments": facts["arguments"]}
    return replace(stored, **names, mean=mean, std=std, **crop_facts(facts))


def _strip_prefix(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
