"""A diffusion model and its options in one string: `NAME?steps=4&guidance=0`, after `--generator diffusion:`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Literal

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import name_and_options, typed_options
from atlantis_core.generation.diffusion.model_facts import model_facts

DiffusionMode = Literal["edit", "text_to_image"]
Dtype = Literal["auto", "float32", "float16", "bfloat16"]
Fit = Literal["none", "lora"]


@dataclass(frozen=True, slots=True)
class DiffusionOptions:
    """How a pipeline is run."""

    steps: int = 30
    """Denoising steps; image-to-image runs the share `strength` of them, at least one."""
    guidance: float = 5.0
    """Classifier-free guidance; 0 or 1 switches it off."""
    strength: float = 0.55
    """How far image-to-image departs from its source, above 0 to 1; less keeps the class better."""
    negative: str = ""
    scheduler: str = ""
    """Name of a `diffusers` scheduler class; empty keeps the pipeline's."""
    spacing: str = ""
    """`timestep_spacing` of the scheduler (`trailing` for most few-step models); empty keeps its own."""
    lora: str = ""
    """Folder, file or hub name of LoRA weights; `OWNER/NAME/FILE` names one file of a repository."""
    control: str = ""
    """Folder or hub name of a ControlNet for edges; an edit then keeps the edges of its source."""
    control_scale: float = 0.7
    """How strictly the edges are kept, 0 to 2."""
    ip_adapter: str = ""
    """Folder or hub name of an IP-Adapter; an edit then keeps the content of its source."""
    ip_weights: str = ""
    """Weights file of the adapter, e.g. `models/ip-adapter_sd15.safetensors`."""
    ip_encoder: str = ""
    """Folder of the adapter's image encoder; empty means `image_encoder` beside the weights."""
    ip_scale: float = 0.6
    """Weight of the adapter against the prompt, 0 to 1."""
    keep_middle: float = 0.0
    """Share of each side (.1 to .95), around the middle, that an edit keeps while it repaints the rest; 0: off."""
    arm: DiffusionMode = "edit"
    """Default generation mode; plain text-to-image drifts away from classes that the model does not know."""
    batch: int = 0
    """Images at once; 0 chooses by device."""
    dtype: Dtype = "auto"
    """`auto` is half precision on a GPU."""
    revision: str = ""
    """Branch, tag or commit of a hub model."""
    allow_pickle: bool = False
    """Load pickled weights, which can run any code when they are loaded."""

    # Not in the representation, which is part of the content hash of images: those of earlier versions stay found.
    fit: Fit = field(default="none", repr=False)
    """`lora` fits the model to the collection's training photos first, so that class names mean what they show."""
    fit_steps: int = field(default=300, repr=False)
    fit_rank: int = field(default=8, repr=False)
    """Rank of the LoRA weights: more can learn more, and forget more."""
    fit_rate: float = field(default=1e-4, repr=False)
    """Learning rate."""
    fit_batch: int = field(default=4, repr=False)
    """Photos per step."""
    fit_seed: int = field(default=0, repr=False)

    @property
    def use_safetensors(self) -> bool | None:
        """Argument of `diffusers`: True allows only safetensors, None prefers them."""
        return None if self.allow_pickle else True


def parse_model_spec(spec: str) -> tuple[str, DiffusionOptions]:
    """Split `NAME?options` into name and options; known models bring their own defaults.

    Raises:
        SetupError: The name is missing, an option is unknown, or a value is invalid.
    """
    name, given = name_and_options(spec, "?", "diffusion model", decode=True)
    if not name:
        raise SetupError("--generator diffusion: needs a model: diffusion:FOLDER or diffusion:HUB/NAME")
    chosen = typed_options(DiffusionOptions, given, "a diffusion model")
    lora = split_lora(chosen["lora"])[0] if "lora" in chosen else ""
    known = {**model_facts(name).settings, **(model_facts(lora).settings if lora else {})}
    options = DiffusionOptions(**{**known, **chosen})
    _check_options(options)
    return name, options


def remove_fit(spec: str) -> str:
    """Return `NAME?options` without `fit` and its settings."""
    name, _, options = spec.partition("?")
    kept = [item for item in filter(None, options.split("&")) if not item.strip().startswith("fit")]
    return f"{name}?{'&'.join(kept)}" if kept else name


def split_lora(lora: str) -> tuple[str, str]:
    """Split `OWNER/NAME/FILE` into hub name and file; for anything else the file is empty."""
    parts = lora.split("/", 2)
    is_local = lora.startswith(("/", "~", ".")) or Path(lora).exists()
    return (lora, "") if is_local or len(parts) < 3 else ("/".join(parts[:2]), parts[2])


def _check_options(options: DiffusionOptions) -> None:
    for name in ("control", "ip_adapter", "keep_middle"):
        if options.arm == "text_to_image" and getattr(options, name):
            raise SetupError(f"diffusion option {name} needs a source image: use arm=edit")
    _check_fit(options)
    checks = {
        "steps": (options.steps >= 1, "1 or more"),
        "guidance": (0 <= options.guidance <= 100, "0 to 100"),
        "strength": (0 < options.strength <= 1, "above 0 to 1"),
        "control_scale": (0 <= options.control_scale <= 2, "0 to 2"),
        "ip_scale": (0 <= options.ip_scale <= 1, "0 to 1"),
        "keep_middle": (options.keep_middle == 0 or 0.1 <= options.keep_middle <= 0.95, "0, or .1 to .95"),
        "batch": (options.batch >= 0, "0 or more"),
        "fit_steps": (1 <= options.fit_steps <= 1_000_000, "1 to 1,000,000"),
        "fit_rank": (1 <= options.fit_rank <= 1024, "1 to 1,024"),
        "fit_rate": (0 < options.fit_rate <= 1, "above 0 to 1"),
        "fit_batch": (1 <= options.fit_batch <= 1024, "1 to 1,024"),
        "fit_seed": (options.fit_seed >= 0, "0 or more"),
    }
    for key, (is_valid, allowed) in checks.items():
        if not is_valid:
            value = getattr(options, key)
            raise SetupError(f"diffusion option {key}={value!r} is out of range; allowed: {allowed}")


def _check_fit(options: DiffusionOptions) -> None:
    """Refuse settings of a fit that is not made, and other LoRA weights beside those of a fit."""
    if options.fit == "lora" and options.lora:
        raise SetupError(f"diffusion options fit=lora and lora={options.lora} exclude each other; leave one out")
    changed = [one.name for one in fields(options) if one.name.startswith("fit_")]
    unused = next((name for name in changed if getattr(options, name) != getattr(DiffusionOptions(), name)), "")
    if unused and options.fit == "none":
        raise SetupError(f"diffusion option {unused} has no effect without fit=lora; add it, or leave {unused} out")
