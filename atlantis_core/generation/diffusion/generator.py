"""The generator with weights: text-to-image, and image-to-image from a real photo of the class.

Image-to-image (SDEdit, Meng et al. 2022) is the usual arm: it keeps the class, while plain text-to-image drifts:
SDXL's pictures of car models match their class at Recall@1 .417 in the released ATLANTIS.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.base.parallel import best_device
from atlantis_core.data.image_io import open_image
from atlantis_core.generation.diffusion.addons import find_addons
from atlantis_core.generation.diffusion.loading import find_pipeline, load_pipeline
from atlantis_core.generation.diffusion.model_facts import model_facts
from atlantis_core.generation.diffusion.options import DiffusionOptions, parse_model_spec, split_lora
from atlantis_core.generation.diffusion.photo_editor import PhotoEditor, count_edit_steps
from atlantis_core.generation.sizes import fit_to_model, shrink

if TYPE_CHECKING:
    from PIL.Image import Image

    from atlantis_core.records import GenerationMode, GenerationRequest

_LOG = logging.getLogger(__name__)
_BATCH = {"cpu": 16, "cuda": 8}
_EDIT_OPTIONS = ("control", "control_scale", "ip_adapter", "ip_scale", "keep_middle")


class DiffusionGenerator:
    """Draws with a `diffusers` pipeline.

    Args:
        address: A folder, a hub name or `harbor`, with options: `NAME?steps=4&guidance=0` (see `options`).

    Raises:
        SetupError: No such pipeline, or one that cannot be used; nothing is loaded yet.
    """

    name = "diffusion"

    def __init__(self, address: str) -> None:
        self._model, self._options = parse_model_spec(address)
        self._found = find_pipeline(self._model, self._options)
        self._addons = find_addons(self._options)
        addons = (split_lora(self._options.lora)[0], self._options.control, self._options.ip_adapter)
        used = [self._model, *filter(None, addons)]
        self.notice = "; ".join(filter(None, (model_facts(name).licence for name in used)))
        self.modes: tuple[GenerationMode, ...] = _supported_modes(self._options)

    @cached_property
    def version(self) -> str:
        """Content address of weights, options and kind of device: another one may give another image."""
        from atlantis_core.base.hashing import content_hash

        parts = [self._found.digest, self._addons.digests, str(self._options), self._device]
        return content_hash("diffusion", parts)[:16]

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return model, revision, hash and how the picture is drawn."""
        options = self._options
        facts: dict[str, Any] = {
            "model": self._model,
            "revision": self._found.revision,
            "sha256": self._found.digest,
            "arm": "edit" if request.source_path else "text_to_image",
            "steps": options.steps,
            "guidance": options.guidance,
            "device": self._device,
        }
        if request.source_path:
            facts["strength"] = options.strength
            facts["steps"] = count_edit_steps(options)
        for name in ("negative", "scheduler", "spacing", "lora", *(_EDIT_OPTIONS if request.source_path else ())):
            if getattr(options, name):
                facts[name] = getattr(options, name)
        return facts | {f"{name}_sha256": digest for name, digest in self._addons.digests.items()}

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Image]:
        """Yield one RGB image per request, in order, drawn in batches of one size; each has its own seed.

        Raises:
            ToolError: A prompt that is longer than the model reads, or a source that cannot be read.
        """
        wanted = list(requests)
        for request in wanted:
            self._check_prompt(request.prompt)
        sources = [self._source(request) for request in wanted]
        by_size: dict[tuple[int, int] | None, list[int]] = defaultdict(list)
        for place, source in enumerate(sources):
            by_size[source.size if source else None].append(place)
        drawn: dict[int, Image] = {}
        for places in by_size.values():
            images = self._drawn([wanted[place] for place in places], [sources[place] for place in places])
            drawn.update(zip(places, images, strict=True))
        for place, request in enumerate(wanted):
            yield shrink(drawn[place], request.side_px)

    @cached_property
    def _device(self) -> str:
        return best_device()

    @cached_property
    def _pipeline(self) -> Any:
        return load_pipeline(self._found, self._options, self._addons.lora, self._device)

    @cached_property
    def _editor(self) -> PhotoEditor:
        return PhotoEditor(self._pipeline, self._options, self._addons)

    @cached_property
    def _side_px(self) -> int:
        """Short side of what the model was made to draw."""
        trunk = getattr(self._pipeline, "unet", None) or self._pipeline.transformer
        size = getattr(trunk.config, "sample_size", None) or self._pipeline.default_sample_size
        return int(size if isinstance(size, int) else min(size)) * int(self._pipeline.vae_scale_factor)

    def _check_prompt(self, prompt: str) -> None:
        for name in ("tokenizer", "tokenizer_2", "tokenizer_3"):
            tokenizer = getattr(self._pipeline, name, None)
            if tokenizer is None:
                continue
            tokens = len(tokenizer(prompt, truncation=False, verbose=False).input_ids)
            if tokens > tokenizer.model_max_length:
                raise ToolError(
                    f"prompt {prompt[:60]!r}... has {tokens} tokens, and {self._model} reads "
                    f"{tokenizer.model_max_length}: shorten it"
                )

    def _source(self, request: GenerationRequest) -> Image | None:
        if not request.source_path:
            return None
        return fit_to_model(open_image(request.source_path), self._side_px)

    def _drawn(self, requests: Sequence[GenerationRequest], sources: Sequence[Image | None]) -> Iterator[Image]:
        """Yield pictures of one size; a batch that does not fit into memory is halved, and said so."""
        import torch

        # An IP-Adapter would let every photo of a batch lead every picture of it.
        batch = 1 if self._addons.ip_adapter else self._options.batch or _BATCH[self._device]
        start = 0
        while start < len(requests):
            stop = start + batch
            try:
                photos = [source for source in sources[start:stop] if source]
                images = self._batch(requests[start:stop], photos)
            except torch.OutOfMemoryError:
                if batch == 1:
                    raise SetupError(
                        f"{self._model} does not fit into this GPU's memory, one image at a time"
                    ) from None
                batch //= 2
                torch.cuda.empty_cache()
                _LOG.warning("out of GPU memory: drawing %d images at once from now on", batch)
                continue
            yield from images
            start = stop

    def _batch(self, requests: Sequence[GenerationRequest], photos: Sequence[Image]) -> list[Image]:
        import torch

        options = self._options
        arguments: dict[str, Any] = {
            "prompt": [request.prompt for request in requests],
            "num_inference_steps": options.steps,
            "guidance_scale": options.guidance,
            # On the CPU, one a picture: the same noise on every device and in every batch.
            "generator": [torch.Generator().manual_seed(request.seed) for request in requests],
        }
        if options.negative:
            arguments["negative_prompt"] = [options.negative] * len(requests)
        with torch.inference_mode():
            return self._editor.draw(photos, arguments) if photos else list(self._pipeline(**arguments).images)


def _supported_modes(options: DiffusionOptions) -> tuple[GenerationMode, ...]:
    """What can be made, the usual first; with edges or an image prompt nothing is drawn from words alone."""
    if options.control or options.ip_adapter:
        return ("edit",)
    return ("edit", "text_to_image") if options.arm == "edit" else ("text_to_image", "edit")
