"""What turns pictures into the vectors of an index, and the address by which an index knows it again."""

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
"""Kind -> `module:Class`; `clip:NAME` is made of NAME. Whatever has no kind is a retriever."""


class Embedder(Protocol):
    """A model that an index can be made with."""

    distance: str
    """`cosine` or `hyperbolic:C`."""
    embedding: str
    """`head`, `body`, or empty where there is no such choice."""

    @property
    def dims(self) -> int:
        """D, the length of a vector."""
        ...

    @property
    def model_hash(self) -> str:
        """Address of weights and facts: changes whenever the same picture would get another vector."""
        ...

    def embed(self, images: Sequence[str | Path | Image]) -> NDArray[np.float32]:
        """Return vectors (N, D) of pictures, by path or decoded."""
        ...

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors (N, D) of texts, in the space of the pictures.

        Raises:
            SetupError: This model knows no words.
        """
        ...


class RetrieverEmbedder:
    """A retriever of this project."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self.distance = distance_of(retriever.space)
        self.embedding = retriever.embedding

    @property
    def dims(self) -> int:
        """D, the length of a vector."""
        return self._retriever.dims

    @cached_property
    def model_hash(self) -> str:
        """Address of trunk, head and what stands before and behind them; the same for an exported copy."""
        found, backbone = self._retriever, self._retriever.backbone
        facts = {
            "architecture": backbone.architecture,
            "arguments": as_json(backbone.arguments),
            "mean": list(backbone.mean),
            "std": list(backbone.std),
            **backbone.crop,
            "side_px": found.side_px,
            "space": None if found.head is None else head_facts(found.space, found.dims),
            "trunk": hash_state(found.stages.trunk.state_dict()),
            "head": "" if found.head is None else hash_state(found.head.state_dict()),
        }
        return content_hash("index model", facts)

    def embed(self, images: Sequence[str | Path | Image]) -> NDArray[np.float32]:
        """Return vectors (N, D) of pictures, by path or decoded.

        Raises:
            SetupError: A picture cannot be read.
        """
        return self._retriever.embed(images)

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:  # noqa: ARG002 (of the protocol)
        """Refuse.

        Raises:
            SetupError: Always.
        """
        raise SetupError(
            f"{self._retriever.backbone.architecture!r} knows pictures only and cannot be asked in words; "
            "an index made with clip:NAME can"
        )


def load_embedder(model: str | Path, embedding: str | None = None, made_by: str = "") -> Embedder:
    """Load what an index is made or asked with.

    Args:
        model: What `learning.retriever.load_retriever` takes, or `clip:NAME`.
        embedding: `head` or `body`; None takes what the model was trained for.
        made_by: `model_hash` of an index that is there: one made before a model's own crop was respected is asked
            with images as they were given then.

    Raises:
        SetupError: Nothing of the kind, or a damaged file.
    """
    from atlantis_core.learning.retriever import load_retriever

    kind, _, told = str(model).partition(":")
    if kind in EMBEDDERS:
        made: Embedder = load_part(EMBEDDERS, kind, "embedder")(told)
        return made
    retriever = load_retriever(model, embedding or None)
    found = RetrieverEmbedder(retriever)
    if made_by in {"", found.model_hash}:
        return found
    before = RetrieverEmbedder(replace(retriever, backbone=retriever.backbone.with_first_preprocessing()))
    return before if before.model_hash == made_by else found


def hash_state(state: dict[str, Any]) -> str:
    """Return 64 hex digits of names, shapes, kinds and bytes of a model's tensors."""
    import torch

    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
