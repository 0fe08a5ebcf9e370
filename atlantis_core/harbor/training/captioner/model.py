"""The captioner's parts: a BLIP of 1.2 M parameters, its vision tower started from the student, and its tokenizer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from atlantis_core.harbor.canvas import SIDE_PX
from atlantis_core.harbor.training.student import ARGUMENTS, MEAN, STD, WEIGHTS
from atlantis_core.harbor.vocabulary import CLASSES, CONDITIONS, caption_for

MAX_TOKENS = 12
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_TEXT: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": MAX_TOKENS,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


def list_words() -> list[str]:
    """Return all tokens of the captions, special ones first; each word is one token."""
    words = {word for shown in CLASSES for place in CONDITIONS for word in caption_for(shown, place).split()}
    return [*_SPECIAL, *sorted(words)]


def make_processor() -> Any:
    """Create the image processor and the tokenizer."""
    from transformers import BertTokenizer, BlipImageProcessor, BlipProcessor

    with tempfile.TemporaryDirectory() as folder:
        vocabulary = Path(folder) / "vocab.txt"
        vocabulary.write_text("\n".join(list_words()), encoding="utf-8")
        tokenizer = BertTokenizer(vocab=str(vocabulary), model_max_length=MAX_TOKENS)
    side = {"height": SIDE_PX, "width": SIDE_PX}
    image_processor = BlipImageProcessor(size=side, image_mean=list(MEAN), image_std=list(STD))
    return BlipProcessor(image_processor=image_processor, tokenizer=tokenizer)  # type: ignore[no-untyped-call]


def make_captioner(tokenizer: Any) -> Any:
    """Create the model: the student's weights in the vision tower, random ones elsewhere; seed torch first."""
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipTextConfig, BlipVisionConfig

    vision = BlipVisionConfig(
        hidden_size=ARGUMENTS["embed_dim"],
        intermediate_size=4 * ARGUMENTS["embed_dim"],
        num_hidden_layers=ARGUMENTS["depth"],
        num_attention_heads=ARGUMENTS["num_heads"],
        patch_size=ARGUMENTS["patch_size"],
        image_size=SIDE_PX,
    )
    text = BlipTextConfig(
        **_TEXT,
        vocab_size=len(tokenizer),
        encoder_hidden_size=ARGUMENTS["embed_dim"],
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        sep_token_id=tokenizer.sep_token_id,
        pad_token_id=tokenizer.pad_token_id,
        projection_dim=_TEXT["hidden_size"],
    )
    shape = BlipConfig(text_config=text.to_dict(), vision_config=vision.to_dict(), projection_dim=64)
    model = BlipForConditionalGeneration(shape)
    model.vision_model.load_state_dict(_vision_state(model.vision_model.state_dict()))
    return model


def _vision_state(initial: dict[str, Any]) -> dict[str, Any]:
    """Return the state of BLIP's vision tower with the student's weights, whose blocks have other names.

    The student has no class token, so the tower keeps its own, with its position embedding.
    """
    import torch
    from safetensors.torch import load_file

    known = {name: value.float() for name, value in load_file(WEIGHTS).items()}
    state = dict(initial)
    state["embeddings.patch_embedding.weight"] = known.pop("patch_embed.proj.weight")
    state["embeddings.patch_embedding.bias"] = known.pop("patch_embed.proj.bias")
    class_position = state["embeddings.position_embedding"][:, :1]
    state["embeddings.position_embedding"] = torch.cat([class_position, known.pop("pos_embed")], dim=1)
    known = {name: value for name, value in known.items() if name.startswith("blocks.")}
    renamed = (
        ("blocks.", "encoder.layers."),
        (".attn.qkv", ".self_attn.qkv"),
        (".attn.proj", ".self_attn.projection"),
        (".norm", ".layer_norm"),
    )
    for name, value in known.items():
        for timms, blips in renamed:
            name = name.replace(timms, blips)  # noqa: PLW2901 (four renamings of one name)
        state[name] = value
    return state
