"""The generator with weights: text-to-image, and image-to-image from a real image of the class.

Image-to-image (SDEdit, Meng et al. 2022) is the default mode: it keeps the class, while plain text-to-image drifts:
SDXL's images of car models match their class at Recall@1 .417 in the released ATLANTIS.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.parallel import best_device
from atlantis_core.base.ports import Capabilities
from atlantis_core.data.image_io import open_image
from atlantis_core.generation.diffusion.addons import find_addons, has_peft, require_peft
from atlantis_core.generation.diffusion.fitting import GeneratorFit
from atlantis_core.generation.diffusion.loading import find_pipeline, load_pipeline, native_side_px
from atlantis_core.generation.diffusion.model_facts import model_facts
from atlantis_core.generation.diffusion.options import DiffusionOptions, parse_model_spec, remove_fit, split_lora
from atlantis_core.generation.diffusion.photo_editor import PhotoEditor, count_edit_steps
from atlantis_core.generation.sizes import fit_to_model, shrink

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image

    from atlantis_core.base.ports import Progress
    from atlantis_core.records import GenerationMode, GenerationRequest, LabelledImage

_LOG = logging.getLogger(__name__)
_BATCH = {"cpu": 16, "cuda": 8}
_EDIT_OPTIONS = ("control", "control_scale", "ip_adapter", "ip_scale", "keep_middle")


class DiffusionGenerator:
    """Generates images with the `diffusers` pipeline of a folder, a hub name or `harbor`, with `options`.

    Raises:
        SetupError: The pipeline does not exist or cannot be used; nothing is loaded yet.
    """

    name = "diffusion"
    capabilities = Capabilities(
        "what its model was trained on, as the prompts describe it",
        "what its model never saw: rare classes, exact products and places",
    )

    def __init__(self, spec: str) -> None:
        self._spec = spec
        self._model, self._options = parse_model_spec(spec)
        self._found = find_pipeline(self._model, self._options)
        self._addons = find_addons(self._options)
        self._fit: GeneratorFit | None = None
        if self.is_fitted:
            require_peft("fit=lora")
        addons = (split_lora(self._options.lora)[0], self._options.control, self._options.ip_adapter)
        used = [self._model, *filter(None, addons)]
        self.notice = "; ".join(filter(None, (model_facts(name).licence for name in used)))
        self.modes: tuple[GenerationMode, ...] = _list_modes(self._options)

    def use_photos(self, photos: Sequence[LabelledImage], folder: Path, progress: Progress) -> None:
        """Take the training photos that `fit=lora` fits the model to, when the first image is generated.

        `folder` keeps the weights of fits. Without `fit=lora` nothing happens.
        """
        if self.is_fitted:
            self._fit = GeneratorFit(self._found, self._options, self._device, photos, folder, progress)

    @property
    def is_fitted(self) -> bool:
        """Whether the model is fitted to training photos before it generates."""
        return self._options.fit == "lora"

    def name_counterpart(self) -> str:
        """Return this generator without its fit, or fitted, as `--generator` takes it.

        Empty where it cannot be fitted, and on a CPU, where that may take hours: there one has to ask for `fit=lora`.
        """
        if self.is_fitted:
            return f"{self.name}:{remove_fit(self._spec)}"
        if self._options.lora or self._device != "cuda" or not has_peft():
            return ""
        return f"{self.name}:{self._spec}{'&' if '?' in self._spec else '?'}fit=lora"

    @cached_property
    def version(self) -> str:
        """Content hash of weights, options, kind of device, and of a fit's photos: all that may change an image."""
        parts: list[Any] = [self._found.digest, self._addons.digests, str(self._options), self._device]
        if self.is_fitted:
            parts.append(self._required_fit.plan.key)
        return content_hash("diffusion", parts)[:16]

    def settings(self, request: GenerationRequest) -> Mapping[str, Any]:
        """Return model, revision, hash and how the image is generated."""
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
        if self.is_fitted:
            facts["fit"] = self._required_fit.describe()
        for name in ("negative", "scheduler", "spacing", "lora", *(_EDIT_OPTIONS if request.source_path else ())):
            if getattr(options, name):
                facts[name] = getattr(options, name)
        return facts | {f"{name}_sha256": digest for name, digest in self._addons.digests.items()}

    def generate(self, requests: Iterable[GenerationRequest]) -> Iterator[Image]:
        """Yield one RGB image per request, in order; images of one size are batched, each with its own seed.

        Raises:
            ToolError: A prompt is longer than the model reads, or a source image cannot be read.
        """
        wanted = list(requests)
        for request in wanted:
            self._check_prompt(request.prompt)
        paths = [request.source_path for request in wanted]
        sources = [fit_to_model(open_image(path), self._side_px) if path else None for path in paths]
        by_size: dict[tuple[int, int] | None, list[int]] = defaultdict(list)
        for index, source in enumerate(sources):
            by_size[source.size if source else None].append(index)
        generated: dict[int, Image] = {}
        for indexes in by_size.values():
            images = self._generate_batches([wanted[i] for i in indexes], [sources[i] for i in indexes])
            generated.update(zip(indexes, images, strict=True))
        for index, request in enumerate(wanted):
            yield shrink(generated[index], request.side_px)

    @cached_property
    def _device(self) -> str:
        return best_device()

    @cached_property
    def _pipeline(self) -> Any:
        lora = self._required_fit.find_or_train() if self.is_fitted else self._addons.lora
        return load_pipeline(self._found, self._options, lora, self._device)

    @property
    def _required_fit(self) -> GeneratorFit:
        if self._fit is None:
            raise SetupError("diffusion option fit=lora needs the training photos of a run; use it with atlantis run")
        return self._fit

    @cached_property
    def _editor(self) -> PhotoEditor:
        return PhotoEditor(self._pipeline, self._options, self._addons)

    @cached_property
    def _side_px(self) -> int:
        return native_side_px(self._pipeline)

    def _check_prompt(self, prompt: str) -> None:
        for name in ("tokenizer", "tokenizer_2", "tokenizer_3"):
            tokenizer = getattr(self._pipeline, name, None)
            if tokenizer is None:
                continue
            tokens = len(tokenizer(prompt, truncation=False, verbose=False).input_ids)
            if tokens > tokenizer.model_max_length:
                raise ToolError(
                    f"prompt {prompt[:60]!r}... has {tokens} tokens; {self._model} reads "
                    f"{tokenizer.model_max_length}: shorten it"
                )

    def _generate_batches(
        self, requests: Sequence[GenerationRequest], sources: Sequence[Image | None]
    ) -> Iterator[Image]:
        """Yield images of one size; halve the batch, with a warning, if it does not fit into GPU memory."""
        import torch

        # With an IP-Adapter every source of a batch would condition every image of it.
        batch = 1 if self._addons.ip_adapter else self._options.batch or _BATCH[self._device]
        start = 0
        while start < len(requests):
            stop = start + batch
            try:
                photos = [source for source in sources[start:stop] if source]
                images = self._generate_batch(requests[start:stop], photos)
            except torch.OutOfMemoryError:
                if batch == 1:
                    raise SetupError(
                        f"{self._model} does not fit into this GPU's memory, even with batch=1; use a smaller model"
                    ) from None
                batch //= 2
                torch.cuda.empty_cache()
                _LOG.warning("out of GPU memory: the batch size is now %d", batch)
                continue
            yield from images
            start = stop

    def _generate_batch(self, requests: Sequence[GenerationRequest], photos: Sequence[Image]) -> list[Image]:
        import torch

        options = self._options
        arguments: dict[str, Any] = {
            "prompt": [request.prompt for request in requests],
            "num_inference_steps": options.steps,
            "guidance_scale": options.guidance,
            # One generator per image, on the CPU: the same noise on every device and in every batch.
            "generator": [torch.Generator().manual_seed(request.seed) for request in requests],
        }
        if options.negative:
            arguments["negative_prompt"] = [options.negative] * len(requests)
        with torch.inference_mode():
            return self._editor.draw(photos, arguments) if photos else list(self._pipeline(**arguments).images)


def _list_modes(options: DiffusionOptions) -> tuple[GenerationMode, ...]:
    """Return the modes, the default first; a ControlNet or an IP-Adapter needs a source image."""
    if options.control or options.ip_adapter:
        return ("edit",)
    return ("edit", "text_to_image") if options.arm == "edit" else ("text_to_image", "edit")
