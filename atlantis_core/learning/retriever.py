"""The way out: a model that turns pictures into vectors to search with."""

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
from atlantis_core.learning.models.checkpoint import WEIGHTS_NAME
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
    """A trunk with or without an embedding head."""

    backbone: BackboneSpec
    """Where the trunk started; its lower part, which training leaves alone, is still that."""
    stages: Stages
    head: nn.Module | None
    """None where the unit-length pooled features are the embedding."""
    side_px: int
    """Side of the square input."""
    space: Head = _SPHERE
    """Where embeddings live; `space.distance` says how they are searched."""
    training: str | None = None
    """Content address of the training that it went through; None for a trunk as it came."""

    def __repr__(self) -> str:
        """Return one line: the weights that it holds say nothing to a person."""
        searched = f"{self.dims} numbers a picture, searched by {self.space.distance} distance"
        return f"<Retriever {self.backbone.architecture}, {self.embedding}: {self.side_px} px -> {searched}>"

    @property
    def embedding(self) -> str:
        """What is searched by: `head` or `body`."""
        return "body" if self.head is None else "head"

    @property
    def weights(self) -> Literal["random", "pretrained", "trained"]:
        """What it embeds with; `random` weights were neither loaded nor trained."""
        return self.backbone.weights if self.training is None else "trained"

    @property
    def dims(self) -> int:
        """D, the length of an embedding."""
        if self.head is not None:
            return int(self.head.linear.out_features)  # type: ignore[union-attr,arg-type]
        trunk = self.stages.trunk
        return int(getattr(trunk, "head_hidden_size", trunk.num_features))  # type: ignore[arg-type]

    def embed(
        self,
        images: Sequence[str | Path | Image],
        batch_size: int = 64,
        progress: Progress = no_progress,
    ) -> NDArray[np.float32]:
        """Embed N pictures, by path or decoded.

        Returns:
            Vectors (N, D), float32, in order: unit vectors, or points of the Poincare ball of curvature
            -`space.c` where `space.distance` is `hyperbolic`.

        Raises:
            SetupError: A picture cannot be read, or `images` is one picture and no list of them.
        """
        _check_images(images)

        def lowered(start: int) -> Tensor:
            pictures = map(decode_image, images[start : start + batch_size])
            return self._lowered([to_input(picture, self.side_px, self.backbone) for picture in pictures])

        return self._embedded(lowered, len(images), batch_size, progress)

    def embed_inputs(self, squares: Sequence[Image], batch_size: int = 64) -> NDArray[np.float32]:
        """Embed N squares of the input's side as they are, such as `to_input` gives; see `embed`."""

        def lowered(start: int) -> Tensor:
            return self._lowered(squares[start : start + batch_size])

        return self._embedded(lowered, len(squares), batch_size, no_progress)

    def _lowered(self, squares: Sequence[Image]) -> Tensor:
        activations: Tensor = self.stages.lower(to_batch(squares, self.backbone).to(self._device))
        return activations

    def embed_cached(
        self,
        images: Sequence[IdentifiedImage],
        cache: ActivationCache,
        batch_size: int = 128,
        progress: Progress = no_progress,
    ) -> NDArray[np.float32]:
        """Embed N pictures through the activation cache; agrees with `embed` to 1e-3.

        Where the trunk is trained from its stem on, there is nothing worth caching, and the files are read.

        Returns:
            Vectors (N, D), float32, in order, as `embed` returns them.

        Raises:
            SetupError: A picture cannot be read.
        """
        import torch

        if not self.stages.worth_caching:
            return self.embed([image.path for image in images], batch_size, progress)
        rows = cache.load(images, ViewKind(self.side_px), self.backbone, self.stages, progress)

        def lowered(start: int) -> Tensor:
            chosen = np.stack([row[0] for row in rows[start : start + batch_size]])
            return torch.from_numpy(chosen).to(self._device).float()

        return self._embedded(lowered, len(images), batch_size, progress)

    def place(self, activations: Tensor) -> Tensor:
        """Return embeddings (B, D), float32 and without gradient, of what the trunk's lower part gave (B, ...)."""
        import torch

        with torch.inference_mode():
            features = self.stages.upper(activations)
            placed = torch.nn.functional.normalize(features, dim=1) if self.head is None else self.head(features)
            embeddings: Tensor = placed.float()
        return embeddings

    @property
    def _device(self) -> Any:
        return next(self.stages.trunk.parameters()).device

    def _embedded(self, lowered: Any, count: int, batch_size: int, progress: Progress) -> NDArray[np.float32]:
        import torch

        keep_freed_memory()
        chunks = []
        with torch.inference_mode():
            for start in range(0, count, batch_size):
                progress("embedding", start, count)
                chunks.append(self.place(lowered(start)).cpu().numpy())
        progress("embedding", count, count)
        return np.concatenate(chunks) if chunks else np.zeros((0, self.dims), dtype=np.float32)


def _check_images(images: object) -> None:
    """Refuse one path (a text would be taken for a list of letters) and whatever cannot be cut into batches."""
    if isinstance(images, str | bytes) or not hasattr(images, "__getitem__"):
        raise SetupError(
            f"embed takes a list of images, not {to_one_line(images)}; for one image give a list of one: [image]"
        )


def frozen_retriever(backbone: BackboneSpec, trainable_fraction: float = 0.0, side_px: int = 0) -> Retriever:
    """Return the trunk as it came: unit-length pooled features, no training.

    Args:
        backbone: The trunk.
        trainable_fraction: Where to cut for `embed_cached`; give the recipe's to share its cache.
        side_px: Side of the square input; 0 takes the backbone's own.

    Raises:
        SetupError: As `create_backbone`.
    """
    stages = split_backbone(create_backbone(backbone, side_px).to(best_device()), trainable_fraction)
    return Retriever(backbone, stages, None, side_px or backbone.input_px)


def load_retriever(model: str | Path, embedding: str | None = None) -> Retriever:
    """Load what a training left, or any trunk.

    Args:
        model: A checkpoint folder, a safetensors file with its `.json` beside it, a timm name whose weights can be
            had, `harbor-student`, or `scratch:` and a timm name for random weights.
        embedding: `head` or `body`, the pooled features below it; None takes what it was trained for.

    Raises:
        SetupError: Nothing of the kind, no weights, a damaged file, or the head of a model that has none.
    """
    if embedding not in {None, *EMBEDDINGS}:
        raise SetupError(f"embedding is one of {', '.join(EMBEDDINGS)}, not {embedding!r}")
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
            f"{str(model)!r} has no head: it was not trained here; leave out the embedding, or ask for body"
        )
    return retriever


def _load_trained(path: Path, state: dict[str, Tensor], facts: dict[str, Any], embedding: str | None) -> Retriever:
    try:
        backbone = _backbone_from_facts(facts, path)
        if backbone.weights_path is None and backbone.source != "scratch":
            backbone = replace(backbone, weights_path=str(path))  # it was handed on; its lower part is in this file
        training = str(facts["report"]["key"])
        fraction = float(facts["recipe"]["trainable_fraction"])
        if not 0 <= fraction <= 1:
            raise ValueError(f"trainable_fraction is from 0 to 1, not {fraction}")
        space = head_from_facts(facts["head"])
        rows, columns = state["head.linear.weight"].shape
        head = make_empty_head(space, columns, rows)
        head.load_state_dict(_strip_prefix(state, "head."))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        cause = " ".join(repr(error).split())[:200]
        raise SetupError(f"checkpoint {str(path)!r} is damaged: {cause}") from error
    side_px = int(facts["input_px"])
    resized_px = 0 if side_px == backbone.input_px else side_px
    trunk = load_backbone(backbone.architecture, backbone.arguments, _strip_prefix(state, "trunk."), resized_px)
    device = best_device()
    stages = split_backbone(trunk.to(device), fraction)
    if (embedding or facts["recipe"].get("embedding", "head")) == "body":
        return Retriever(backbone, stages, None, side_px, training=training)
    return Retriever(backbone, stages, head.to(device).eval(), side_px, space, training)


def _backbone_from_facts(facts: dict[str, Any], path: Path) -> BackboneSpec:
    """Return the trunk of a checkpoint, by names that timm knows and numbers that are some."""
    check_name(facts["architecture"])
    mean, std = (parse_rgb(facts[key], key, path) for key in ("mean", "std"))
    told = BackboneSpec(**facts["backbone"]).with_first_preprocessing()
    names = {"architecture": facts["architecture"], "arguments": facts["arguments"]}
    return replace(told, **names, mean=mean, std=std, **crop_facts(facts))


def _strip_prefix(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
