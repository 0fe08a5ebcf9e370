"""Finding a pipeline's folder, refusing what is none or what could run code, and loading it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atlantis_core.errors import SetupError
from atlantis_core.generation.diffusion.known import BUNDLED
from atlantis_core.generation.diffusion.options import DiffusionOptions
from atlantis_core.keys import content_key
from atlantis_core.learning.hub import probe
from atlantis_core.learning.weights import file_digest

_INDEX = "model_index.json"
_WEIGHTLESS = ("scheduler", "tokenizer", "tokenizer_2", "tokenizer_3", "feature_extractor", "image_processor")
_HUB = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class FoundPipeline:
    """A pipeline on disk."""

    name: str
    """As it was asked for."""
    folder: Path
    revision: str
    """Commit of a hub model; empty for a folder."""

    @property
    def digest(self) -> str:
        """Content address of every file of the pipeline."""
        files = sorted(path for path in self.folder.rglob("*") if path.is_file() and path.suffix in _COUNTED)
        return content_key(
            "pipeline", [(str(path.relative_to(self.folder)), file_digest(str(path))) for path in files]
        )


_COUNTED = {".safetensors", ".json", ".txt", ".bin", ".model"}


def find_pipeline(name: str, options: DiffusionOptions) -> FoundPipeline:
    """Find a pipeline by bundled name, folder or hub name, and check that it is one.

    Raises:
        SetupError: There is none, files are missing, or its weights are pickled.
    """
    folder = BUNDLED.get(name, Path(name).expanduser())
    found = (
        FoundPipeline(name, folder.resolve(), "") if folder.exists() or name in BUNDLED else _from_hub(name, options)
    )
    _check(found, options)
    return found


def load_pipeline(found: FoundPipeline, options: DiffusionOptions, device: str) -> Any:
    """Load a text-to-image pipeline onto a device, with its scheduler and LoRA as asked.

    Raises:
        SetupError: Its files cannot be loaded, or there is no such scheduler.
    """
    import diffusers
    import torch
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    usual = torch.float32 if device == "cpu" else torch.float16
    dtype = usual if options.dtype == "auto" else getattr(torch, options.dtype)
    try:
        pipeline = diffusers.AutoPipelineForText2Image.from_pretrained(
            str(found.folder), dtype=dtype, use_safetensors=not options.allow_pickle, local_files_only=True
        )
        if options.lora:
            pipeline.load_lora_weights(options.lora)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SetupError(f"pipeline {found.name!r} cannot be loaded: {reason}") from error
    if options.scheduler:
        scheduler = getattr(diffusers, options.scheduler, None)
        if scheduler is None:
            raise SetupError(f"diffusers has no scheduler {options.scheduler!r}")
        pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return _placed(pipeline, device)


def _placed(pipeline: Any, device: str) -> Any:
    """Move a pipeline to its device; where the memory is short, part by part as each is needed."""
    import torch

    if device != "cuda":
        return pipeline.to(device)
    parts = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    needed = sum(value.nbytes for part in parts for value in part.state_dict().values())
    if needed * 1.3 < torch.cuda.mem_get_info()[0]:
        return pipeline.to(device)
    pipeline.enable_model_cpu_offload()
    return pipeline


def _from_hub(name: str, options: DiffusionOptions) -> FoundPipeline:
    from diffusers import DiffusionPipeline
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    refusal = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else probe(f"{_HUB}/{name}")
    try:
        folder = DiffusionPipeline.download(
            name,
            revision=options.revision or None,
            use_safetensors=not options.allow_pickle,
            local_files_only=bool(refusal),
        )
    except (OSError, ValueError, HfHubHTTPError, HFValidationError) as error:
        why = f"the hub is out of reach ({refusal})" if refusal else (str(error).splitlines() or [""])[0]
        raise SetupError(
            f"{name!r} is no folder, and no pipeline of that name is in the local cache: {why}; "
            f"fetch it where there is a network (`hf download {name}`), or name a folder"
        ) from error
    return FoundPipeline(name, Path(folder), Path(folder).name)


def _check(found: FoundPipeline, options: DiffusionOptions) -> None:
    index = found.folder / _INDEX
    if not index.is_file():
        raise SetupError(f"{str(found.folder)!r} is no diffusers pipeline: it has no {_INDEX}")
    try:
        parts = json.loads(index.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SetupError(f"{str(index)!r} is no JSON: {error}") from error
    for part, kind in parts.items():
        if part.startswith("_") or not isinstance(kind, list) or kind[0] is None:
            continue
        _check_part(found.folder / part, part, options)


def _check_part(folder: Path, part: str, options: DiffusionOptions) -> None:
    if not folder.is_dir():
        raise SetupError(f"pipeline {str(folder.parent)!r} lacks its {part!r}: there is no folder of that name")
    if part in _WEIGHTLESS:
        return
    if any(folder.glob("*.safetensors")):
        return
    pickled = next((path for suffix in ("bin", "pt", "ckpt", "pth") for path in folder.glob(f"*.{suffix}")), None)
    if pickled and options.allow_pickle:
        return
    if pickled:
        raise SetupError(
            f"{str(pickled)!r} is pickled and can run any code when it is opened; get safetensors, or, if you trust "
            "it, say so: add ?allow_pickle=1"
        )
    raise SetupError(f"{str(folder)!r} has no weights (*.safetensors)")
