"""Models that an index can be built with: images in, vectors out, and a hash that identifies the model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.registry import load_part
from atlantis_core.base.serialization import as_json
from atlantis_core.learning.evaluation import distance_of
from atlantis_core.learning.models.heads import head_facts

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from atlantis_core.learning.retriever import Retriever

EMBEDDERS = {"clip": "atlantis_core.searching.clip:ClipEmbedder"}
"""Kind -> `module:Class`; `clip:NAME` is built from NAME. Everything else is a retriever."""


class Embedder(Protocol):
    """A model that an index can be built with."""

    distance: str
    """`cosine` or `hyperbolic:C`."""
    embedding: str
    """`head`, `body`, or empty if there is no such choice."""

    @property
    def dims(self) -> int:
        """D, the length of a vector."""

    @property
    def model_hash(self) -> str:
        """Hash of weights and facts: changes whenever an image would get another vector."""

    def embed(self, images: Sequence[str | Path | Image]) -> NDArray[np.float32]:
        """Return vectors (N, D) of images, by path or decoded; a `SetupError` if one cannot be read."""

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors (N, D) of texts, among those of images; a `SetupError` if it embeds none."""


class RetrieverEmbedder:
    """An `Embedder` that is a retriever of this project."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self.distance = distance_of(retriever.space)
        self.embedding = retriever.embedding
        self.dims = retriever.dims
        self.embed = retriever.embed

    @cached_property
    def model_hash(self) -> str:
        """Hash of backbone, head and preprocessing; the same for an exported copy."""
        found, backbone = self._retriever, self._retriever.backbone
        facts = {
            "architecture": backbone.architecture,
            "arguments": as_json(backbone.arguments),
            "mean": list(backbone.mean),
            "std": list(backbone.std),
            **backbone.crop,
            "side_px": found.side_px,
            "space": None if found.head is None else head_facts(found.space, found.dims),
            "trunk": hash_state(found.stages.backbone.state_dict()),
            "head": "" if found.head is None else hash_state(found.head.state_dict()),
        }
        return content_hash("index model", facts)

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:  # noqa: ARG002 (of the protocol)
        """Refuse with a `SetupError`: there is no text encoder."""
        raise SetupError(
            f"{self._retriever.backbone.architecture!r} embeds images only and cannot be searched with text; "
            "index the images with clip:NAME for that"
        )


def load_embedder(model: str | Path, embedding: str | None = None, made_by: str = "") -> Embedder:
    """Load a model to build or search an index with.

    Args:
        model: What `learning.retriever.load_retriever` takes, or `clip:NAME`.
        embedding: `head` or `body`; None takes what the model was trained for.
        made_by: `model_hash` of an existing index: one built before a model's own crop was respected is searched
            with images prepared as they were then.

    Raises:
        SetupError: There is no such model, or a file is damaged.
    """
    from atlantis_core.learning.retriever import load_retriever

    kind, _, name = str(model).partition(":")
    if kind in EMBEDDERS:
        clip: Embedder = load_part(EMBEDDERS, kind, "embedder")(name)
        return clip
    retriever = load_retriever(model, embedding or None)
    found = RetrieverEmbedder(retriever)
    if made_by in {"", found.model_hash}:
        return found
    before = RetrieverEmbedder(replace(retriever, backbone=retriever.backbone.with_first_preprocessing()))
    return before if before.model_hash == made_by else found


def hash_state(state: dict[str, Any]) -> str:
    """Return 64 hex digits of the names, shapes, dtypes and bytes of a model's tensors."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
