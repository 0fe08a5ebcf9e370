"""What a retriever says of itself."""

from __future__ import annotations

from atlantis_core.learning.models.backbones import resolve_backbone
from atlantis_core.learning.retriever import frozen_retriever


def test_it_is_shown_in_one_line() -> None:
    model = frozen_retriever(resolve_backbone("scratch"), side_px=64)
    shown = f"body: 64 px -> {model.dims} dimensions, cosine distance"
    assert repr(model) == f"<Retriever {model.backbone.architecture}, {shown}>"
