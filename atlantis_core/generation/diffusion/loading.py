"""Find a pipeline's folder, check that it is complete and runs no code, and load it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlantis_core.base.errors import SetupError
from atlantis_core.generation.diffusion.model_facts import BUNDLED_MODELS
from atlantis_core.generation.diffusion.options import DiffusionOptions
from atlantis_core.learning.models.hub import find_snapshot
from atlantis_core.learning.models.weights_files import folder_digest, require_safetensors

_INDEX = "model_index.json"
_TOKENIZERS = ("tokenizer", "tokenizer_2", "tokenizer_3")
_PARTS_WITHOUT_WEIGHTS = ("scheduler", *_TOKENIZERS, "feature_extractor", "image_processor")


@dataclass(frozen=True, slots=True)
class FoundPipeline:
    """A pipeline on disk."""

    name: str
    folder: Path
    revision: str
    """Commit of a hub model; empty for a folder."""

    @property
    def digest(self) -> str:
        """Content hash of all files of the pipeline."""
        return folder_digest(self.folder)


def find_pipeline(name: str, options: DiffusionOptions) -> FoundPipeline:
    """Find a pipeline by bundled name, folder or hub name, and check its files.

    Raises:
        SetupError: It does not exist, files are missing, or its weights are pickled.
    """
    folder = BUNDLED_MODELS.get(name, Path(name).expanduser())
    if name in BUNDLED_MODELS and not folder.exists():
        raise SetupError(f"bundled pipeline {name!r} is missing in this version; docs/harbor.md says how to train it")
    found = FoundPipeline(name, folder.resolve(), "") if folder.exists() else _download_pipeline(name, options)
    _check_pipeline(found, options)
    return found


def load_pipeline(
    found: FoundPipeline, options: DiffusionOptions, lora: Path | None, device: str, *, to_train: bool = False
) -> Any:
    """Load a text-to-image pipeline onto a device, with the chosen scheduler and LoRA.

    A pipeline `to_train` keeps its own scheduler, and is moved to the device completely.

    Raises:
        SetupError: Its files cannot be loaded, or the scheduler does not exist.
    """
    import diffusers
    import torch
    import transformers
    from safetensors import SafetensorError

    diffusers.utils.logging.disable_progress_bar()
    diffusers.utils.logging.set_verbosity_error()  # it warns about every autoencoder of an unusual class
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    default = torch.float32 if device == "cpu" else torch.float16
    dtype = default if options.dtype == "auto" else getattr(torch, options.dtype)
    try:
        local: dict[str, Any] = {"use_safetensors": options.use_safetensors, "local_files_only": True}
        pipeline = diffusers.AutoPipelineForText2Image.from_pretrained(str(found.folder), dtype=dtype, **local)
        if lora is not None:
            folder, file = (lora, None) if lora.is_dir() else (lora.parent, lora.name)
            pipeline.load_lora_weights(str(folder), weight_name=file, **local)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SetupError(f"pipeline {found.name!r} cannot be loaded, check that it is complete: {reason}") from error
    pipeline.set_progress_bar_config(disable=True)
    if not to_train:
        pipeline.scheduler = _build_scheduler(pipeline.scheduler, options)
    return _move_to_device(pipeline, device, extended=to_train or bool(options.control or options.ip_adapter))


def native_side_px(pipeline: Any) -> int:
    """Return the short side that the model of a pipeline was trained to generate."""
    denoiser = getattr(pipeline, "unet", None) or pipeline.transformer
    size = getattr(denoiser.config, "sample_size", None) or pipeline.default_sample_size
    return int(size if isinstance(size, int) else min(size)) * int(pipeline.vae_scale_factor)


def _build_scheduler(default: Any, options: DiffusionOptions) -> Any:
    import diffusers

    kind = getattr(diffusers, options.scheduler, None) if options.scheduler else type(default)
    if kind is None:
        raise SetupError(f"diffusers has no scheduler class {options.scheduler!r}; check scheduler=NAME")
    changes = {"timestep_spacing": options.spacing} if options.spacing else {}
    return kind.from_config(default.config, **changes) if options.scheduler or changes else default


def _move_to_device(pipeline: Any, device: str, *, extended: bool) -> Any:
    """Move a pipeline to its device; if memory is short, each part only while it is needed.

    An `extended` pipeline, which gets a ControlNet or IP-Adapter later, is always moved completely: parts that are
    added afterwards are not offloaded.
    """
    import torch

    if extended or device != "cuda":
        return pipeline.to(device)
    parts = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    needed = sum(value.nbytes for part in parts for value in part.state_dict().values())
    if needed * 1.3 < torch.cuda.mem_get_info()[0]:
        return pipeline.to(device)
    pipeline.enable_model_cpu_offload()
    return pipeline


def _download_pipeline(name: str, options: DiffusionOptions) -> FoundPipeline:
    from diffusers import DiffusionPipeline

    def fetch(local_files_only: bool) -> str:
        wanted = {"revision": options.revision or None, "use_safetensors": options.use_safetensors}
        return str(DiffusionPipeline.download(name, local_files_only=local_files_only, **wanted))

    folder = Path(find_snapshot(name, "pipeline", fetch))
    return FoundPipeline(name, folder, folder.name)


def _check_pipeline(found: FoundPipeline, options: DiffusionOptions) -> None:
    index = found.folder / _INDEX
    if not index.is_file():
        raise SetupError(f"{str(found.folder)!r} is not a diffusers pipeline: {_INDEX} is missing")
    try:
        parts = json.loads(index.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SetupError(f"{str(index)!r} is not valid JSON: {error}") from error
    for part, kind in parts.items():
        if part.startswith("_") or not isinstance(kind, list) or kind[0] is None:
            continue
        folder = found.folder / part
        if not folder.is_dir():
            raise SetupError(f"pipeline {str(found.folder)!r} lacks its folder {part!r}")
        if part not in _PARTS_WITHOUT_WEIGHTS:
            require_safetensors(folder, allow_pickle=options.allow_pickle)
