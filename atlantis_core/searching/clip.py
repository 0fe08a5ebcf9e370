"""Models with one embedding space for images and text: CLIP (Radford et al., ICML 2021), by folder or name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atlantis_core.base.errors import SetupError
from atlantis_core.base.parallel import best_device
from atlantis_core.base.text import quote
from atlantis_core.learning.inputs.preprocessing import decode_image
from atlantis_core.learning.models.hub import fetch_snapshot
from atlantis_core.learning.models.weights_files import folder_digest, require_transformers

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

BATCH = 32


class ClipEmbedder:
    """An `embedder.Embedder` of images and text: a model folder of `transformers`, or a model of the hub.

    Raises:
        SetupError: No such model, or it has no safetensors. The weights are loaded later.
    """

    distance = "cosine"
    embedding = ""

    def __init__(self, name: str) -> None:
        if not name:
            raise SetupError(
                "clip: needs the name of a model, such as clip:FOLDER or clip:openai/clip-vit-base-patch32"
            )
        folder = Path(name).expanduser()
        self._name = name
        self._folder = (
            require_transformers(folder)
            if folder.is_dir()
            else fetch_snapshot(name, "clip model", ("*.json", "*.txt", "*.safetensors"))
        )

    @cached_property
    def dims(self) -> int:
        """D, the length of a vector."""
        return int(self._processor_and_model[1].config.projection_dim)

    @cached_property
    def model_hash(self) -> str:
        """Hash of weights, configuration and vocabulary."""
        return folder_digest(Path(self._folder))[:32]

    def embed(self, images: Sequence[str | Path | Image]) -> NDArray[np.float32]:
        """Return unit vectors (N, D) of images, given by path or decoded.

        Raises:
            SetupError: An image cannot be read, or the model cannot be loaded.
        """
        processor, model = self._processor_and_model
        parts = [np.zeros((0, self.dims), np.float32)]
        for start in range(0, len(images), BATCH):
            batch = [decode_image(image) for image in images[start : start + BATCH]]
            inputs = processor(images=batch, return_tensors="pt").to(model.device)
            parts.append(_normalise(model.get_image_features, inputs))
        return np.concatenate(parts)

    def embed_text(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors (N, D) of texts, truncated to what the model reads.

        Raises:
            SetupError: A text is empty, or the model cannot be loaded.
        """
        if not all(text.strip() for text in texts):
            raise SetupError("the text to search with is empty")
        processor, model = self._processor_and_model
        inputs = processor(text=list(texts), return_tensors="pt", padding=True, truncation=True).to(model.device)
        return _normalise(model.get_text_features, inputs)

    @cached_property
    def _processor_and_model(self) -> tuple[Any, Any]:
        """Processor and model."""
        import transformers
        from safetensors import SafetensorError

        transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            auto: Any = transformers.AutoProcessor
            processor: Any = auto.from_pretrained(self._folder, local_files_only=True)
            model: Any = transformers.AutoModel.from_pretrained(
                self._folder, local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise SetupError(f"clip model {self._name!r} cannot be loaded (is it complete?): {reason}") from error
        if not hasattr(model, "get_text_features"):
            raise SetupError(f"{quote(self._name, 80)} does not embed images and text; name a CLIP model: clip:NAME")
        return processor, model.to(best_device()).eval()


def _normalise(features: Any, inputs: Any) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        found = features(**inputs)
    tensor = getattr(found, "pooler_output", found)  # newer versions of transformers wrap it
    unit: NDArray[np.float32] = torch.nn.functional.normalize(tensor.float(), dim=1).cpu().numpy()
    return unit
