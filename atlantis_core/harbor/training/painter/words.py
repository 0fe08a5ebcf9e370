"""The painter's tokenizer and text encoder, both in CLIP's format.

The encoder is first trained to classify prompts (vessel, hull, trim, condition, by four linear heads on the last
token) and then frozen: the denoiser learns several times faster from embeddings that already separate the words.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.harbor.training.painter.curriculum import ATTRIBUTES, encode_attributes, sample_prompt
from atlantis_core.harbor.vocabulary import CLASSES, CONDITIONS

if TYPE_CHECKING:
    from torch import Tensor, nn

MAX_TOKENS = 32
TEXT_WIDTH = 96


def make_tokenizer(folder: Path) -> Any:
    """Return the `CLIPTokenizer` of a folder; the first time, train one on prompts.

    It is saved, since a trained encoder depends on its token numbers.
    """
    from transformers import CLIPTokenizer

    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if not vocabulary.exists():
        folder.mkdir(parents=True, exist_ok=True)
        numbers, pairs = _train_merges()
        merges.write_text("\n".join(["#version: 0.2", *(" ".join(pair) for pair in pairs)]) + "\n", encoding="utf-8")
        with write_atomically(vocabulary) as part:
            part.write_text(json.dumps(numbers), encoding="utf-8")
    return CLIPTokenizer(vocab=str(vocabulary), merges=str(merges), model_max_length=MAX_TOKENS)


def _train_merges() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Train byte-pair merges so that each word of the prompts is one token; return token numbers and merges."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

    start, end = "<|startoftext|>", "<|endoftext|>"
    learned = Tokenizer(models.BPE(unk_token=end, end_of_word_suffix="</w>"))
    learned.normalizer = normalizers.Lowercase()
    words = Regex(r"[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    split = pre_tokenizers.Split(words, behavior="removed", invert=True)
    learned.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trainer = trainers.BpeTrainer(
        vocab_size=1200,
        special_tokens=[start, end],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    rng = np.random.default_rng(0)
    corpus = [sample_prompt(found, condition, rng) for found in CLASSES for condition in CONDITIONS]
    learned.train_from_iterator(corpus, trainer)
    model = json.loads(learned.to_str())["model"]
    pairs = [tuple(pair.split(" ") if isinstance(pair, str) else pair) for pair in model["merges"]]
    merged = ["".join(pair) for pair in pairs]
    # Sorted, since the library numbers single letters differently each time.
    single = sorted(set(model["vocab"]) - {start, end, *merged})
    return {token: number for number, token in enumerate([start, end, *single, *merged])}, pairs


def make_encoder(tokenizer: Any) -> nn.Module:
    """Create the text encoder with random weights."""
    from transformers import CLIPTextConfig, CLIPTextModel

    shape = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=TEXT_WIDTH,
        intermediate_size=2 * TEXT_WIDTH,
        projection_dim=TEXT_WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=MAX_TOKENS,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    encoder: nn.Module = CLIPTextModel(shape)
    return encoder


class TextEncoderTraining:
    """Trains a text encoder to classify prompts by their attributes."""

    def __init__(self, tokenizer: Any, encoder: nn.Module) -> None:
        import torch
        from torch import nn

        self.tokenizer, self.encoder = tokenizer, encoder
        self.heads = nn.ModuleList(nn.Linear(TEXT_WIDTH, len(values)) for values in ATTRIBUTES)
        self.modules = nn.ModuleDict({"encoder": encoder, "heads": self.heads})
        self.optimiser = torch.optim.AdamW(self.modules.parameters(), lr=2e-3, weight_decay=0.01)

    def step(self, step: int) -> float:
        """Train on 128 prompts, which depend only on the step."""
        import torch
        from torch.nn import functional

        rng = np.random.default_rng([3, step])
        chosen = [
            (CLASSES[int(rng.integers(len(CLASSES)))], CONDITIONS[int(rng.integers(len(CONDITIONS)))])
            for _ in range(128)
        ]
        embedded = encode_prompts(self.tokenizer, self.encoder, [sample_prompt(*pair, rng) for pair in chosen])[:, -1]
        targets = torch.from_numpy(encode_attributes(chosen)).to(embedded.device)
        loss = sum(
            (functional.cross_entropy(head(embedded), targets[:, column]) for column, head in enumerate(self.heads)),
            start=torch.zeros((), device=embedded.device),
        )
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        self.optimiser.step()
        return float(loss.detach())


def encode_prompts(tokenizer: Any, encoder: nn.Module, prompts: list[str]) -> Tensor:
    """Return the hidden states (N, `MAX_TOKENS`, `TEXT_WIDTH`) that the denoiser attends to."""
    tokens = tokenizer(
        prompts, padding="max_length", max_length=MAX_TOKENS, truncation=True, return_tensors="pt"
    ).input_ids
    hidden: Tensor = encoder(tokens.to(next(encoder.parameters()).device)).last_hidden_state
    return hidden
