"""The captioner with a model: any image-to-text or image-text-to-text model of `transformers`, by folder or hub name.

A model is named `NAME?prompt=a photo of&max_tokens=30&batch=8`. `harbor` is bundled; it knows only the demo's world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.option_strings import make_with, name_and_options
from atlantis_core.base.parallel import best_device
from atlantis_core.captioning.conditions import find_conditions
from atlantis_core.data.image_io import open_image
from atlantis_core.learning.models.hub import fetch_snapshot
from atlantis_core.learning.models.weights_files import folder_digest, require_transformers
from atlantis_core.records import Caption, LabelledImage

if TYPE_CHECKING:
    from PIL.Image import Image

BUNDLED: Mapping[str, Path] = {"harbor": Path(__file__).parents[1] / "harbor" / "weights" / "captioner"}


@dataclass(frozen=True, slots=True)
class _Options:
    """How a captioner is run."""

    prompt: str = ""
    """What the caption goes on from; empty for none."""
    max_tokens: int = 40
    """Longest caption."""
    batch: int = 16
    """Images at once."""
    allow_pickle: bool = False
    """Load pickled weights, which can run any code when they are opened."""


class TransformersCaptioner:
    """Captions images with a vision-language model; attributes are the conditions that the caption names.

    Raises:
        SetupError: The model does not exist or cannot be used. It is loaded with the first caption.
    """

    name = "transformers"
    recognises = True

    def __init__(self, address: str) -> None:
        self._model_name, options = _parse_address(address)
        self._prompt, self._allow_pickle = options.prompt, options.allow_pickle
        self._max_tokens, self._batch = options.max_tokens, options.batch
        self._folder = _find_folder(self._model_name, allow_pickle=self._allow_pickle)

    def caption(self, images: Sequence[LabelledImage]) -> list[Caption]:
        """Return one caption per image, in order. Labels and metadata are never read.

        Raises:
            ToolError: An image cannot be read.
            SetupError: The model cannot be loaded.
        """
        captions: list[Caption] = []
        for start in range(0, len(images), self._batch):
            batch = images[start : start + self._batch]
            texts = self._generate_texts([open_image(image.path) for image in batch])
            captions += [
                Caption(image.id, text, find_conditions(text)) for image, text in zip(batch, texts, strict=True)
            ]
        return captions

    @cached_property
    def version(self) -> str:
        """Content hash of weights and options."""
        return content_hash("captioner", [folder_digest(Path(self._folder)), self._prompt, self._max_tokens])[:16]

    @cached_property
    def _processor_and_model(self) -> tuple[Any, Any]:
        import torch
        import transformers
        from safetensors import SafetensorError

        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        device = best_device()
        try:
            auto: Any = transformers.AutoProcessor
            processor: Any = auto.from_pretrained(self._folder, local_files_only=True)
            model: Any = transformers.AutoModelForImageTextToText.from_pretrained(
                self._folder,
                local_files_only=True,
                use_safetensors=None if self._allow_pickle else True,
                dtype=torch.float32 if device == "cpu" else torch.float16,
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise SetupError(
                f"captioner {self._model_name!r} cannot be loaded: {reason}; check that its files are complete"
            ) from error
        return processor, model.to(device).eval()

    def _generate_texts(self, images: list[Image]) -> list[str]:
        import torch

        processor, model = self._processor_and_model
        prompt: dict[str, Any] = {"text": [self._prompt] * len(images), "padding": True} if self._prompt else {}
        inputs = processor(images=images, return_tensors="pt", **prompt).to(model.device, model.dtype)
        prompt_tokens = inputs["input_ids"].shape[1] if "input_ids" in inputs else 1
        positions = getattr(
            model.config.get_text_config(), "max_position_embeddings", prompt_tokens + self._max_tokens
        )
        max_new_tokens = max(1, min(self._max_tokens, positions - prompt_tokens))
        with torch.inference_mode():
            tokens = model.generate(**inputs, max_new_tokens=max_new_tokens, num_beams=1, do_sample=False)
        return [str(text).strip() for text in processor.batch_decode(tokens, skip_special_tokens=True)]


def _parse_address(address: str) -> tuple[str, _Options]:
    name, pairs = name_and_options(address, "?", "captioner", decode=True)
    if not name:
        raise SetupError(f"--captioner transformers:{address}: no model is named; write transformers:NAME")
    options: _Options = make_with(_Options, pairs, f"captioner {name!r}")
    for key, value in (("max_tokens", options.max_tokens), ("batch", options.batch)):
        if value < 1:
            raise SetupError(f"captioner {name!r}: {key} must be 1 or more, not {value}")
    return name, options


def _find_folder(name: str, *, allow_pickle: bool) -> str:
    folder = BUNDLED.get(name, Path(name).expanduser())
    if not folder.is_dir():
        weights = "*.bin" if allow_pickle else "*.safetensors"
        return fetch_snapshot(name, "captioner", ("*.json", "*.txt", "*.model", "*.jinja", weights))
    return require_transformers(folder, allow_pickle=allow_pickle)
