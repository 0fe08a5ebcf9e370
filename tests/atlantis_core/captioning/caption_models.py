"""A tiny BLIP with seeded random weights, built from configurations alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

WORDS = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("a", "photo", "of", "the", "boat", "at", "night", "in", "fog", "snow", "by", "day"),
)


def write_tiny_blip(folder: Path) -> Path:
    """Write model and processor: 32 px images."""
    from transformers import (
        BertTokenizer,
        BlipConfig,
        BlipForConditionalGeneration,
        BlipImageProcessor,
        BlipProcessor,
        BlipTextConfig,
        BlipVisionConfig,
    )

    folder.mkdir(parents=True)
    vocabulary = folder.parent / "vocab.txt"
    vocabulary.write_text("\n".join(WORDS))
    tokenizer = BertTokenizer(vocab=str(vocabulary))
    sizes: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 37,
        "num_hidden_layers": 1,
        "num_attention_heads": 4,
    }
    vision = BlipVisionConfig(**sizes, image_size=32, patch_size=8)
    text = BlipTextConfig(
        **sizes,
        vocab_size=len(WORDS),
        encoder_hidden_size=32,
        max_position_embeddings=32,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        sep_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
        projection_dim=32,
    )
    shape = BlipConfig(
        text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=32, image_text_hidden_size=32
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = BlipForConditionalGeneration(shape)
    model.save_pretrained(folder)
    image_processor = BlipImageProcessor(size={"height": 32, "width": 32})
    BlipProcessor(image_processor=image_processor, tokenizer=tokenizer).save_pretrained(folder)
    return folder
