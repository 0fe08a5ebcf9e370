"""Images and text in one embedding space, with a tiny CLIP of random weights: the interface, not the quality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.metrics.distances import check_distance
from atlantis_core.searching.clip import ClipEmbedder
from atlantis_core.searching.embedder import EMBEDDERS, load_embedder
from tests.atlantis_core.generation.diffusion_models import MAX_TOKENS, tiny_tokenizer


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    folder = tmp_path_factory.mktemp("clip")
    tokenizer = tiny_tokenizer(tmp_path_factory.mktemp("words"))
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    words = {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": MAX_TOKENS,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": 52,
    }
    config = CLIPConfig(
        text_config=small | words, vision_config=small | {"image_size": 32, "patch_size": 16}, projection_dim=8
    )
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size)
    CLIPProcessor(images, tokenizer).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", EMBEDDERS)
def test_an_embedder_keeps_its_promises(kind: str, request: pytest.FixtureRequest) -> None:
    """See `embedder.Embedder`; the fixture `tiny_<kind>` is a folder with a small model of that kind."""
    folder = request.getfixturevalue(f"tiny_{kind}")
    embedder, again = load_embedder(f"{kind}:{folder}"), load_embedder(f"{kind}:{folder}")
    images = [Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    embeddings = embedder.embed(images)
    assert embeddings.shape == (2, embedder.dims)
    assert embeddings.dtype == np.float32
    assert embeddings == pytest.approx(again.embed(images))
    assert embedder.model_hash == again.model_hash
    assert check_distance(embedder.distance) is not None


def test_images_and_texts_are_unit_vectors_of_one_length(tiny_clip: Path) -> None:
    clip = load_embedder(f"clip:{tiny_clip}")
    assert isinstance(clip, ClipEmbedder)
    noise = np.random.default_rng(0).integers(0, 255, (3, 40, 30, 3), dtype=np.uint8)
    images = clip.embed([Image.fromarray(one) for one in noise])
    texts = clip.embed_text(
        ["a boat", "a very long sentence about boats and the sea, longer than the model reads " * 5]
    )
    assert images.shape == (3, clip.dims) == (3, 8)
    assert texts.shape == (2, 8)
    assert np.linalg.norm(images, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.linalg.norm(texts, axis=1) == pytest.approx(1, abs=1e-5)
    assert clip.embed([]).shape == (0, 8)
    assert len(clip.model_hash) == 32


def test_mistakes_are_reported(tiny_clip: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="text to search with is empty"):
        ClipEmbedder(str(tiny_clip)).embed_text([" "])
    with pytest.raises(SetupError, match="needs the name of a model"):
        ClipEmbedder("")
    with pytest.raises(SetupError, match=r"no config\.json"):
        ClipEmbedder(str(tmp_path))
