"""A diffusion model's address: `NAME?steps=4&guidance=0`, as it stands behind `--generator diffusion:`.

One string says which model and how it is run, so that a run can be written down and repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from atlantis_core.base.errors import SetupError
from atlantis_core.base.option_strings import name_and_options, typed_options
from atlantis_core.generation.diffusion.model_facts import model_facts

DiffusionMode = Literal["edit", "text_to_image"]
Dtype = Literal["auto", "float32", "float16", "bfloat16"]


@dataclass(frozen=True, slots=True)
class DiffusionOptions:
    """How a pipeline is run."""

    steps: int = 30
    """Denoising steps; image-to-image makes `strength` of them, at least one."""
    guidance: float = 5.0
    """Classifier-free guidance; 0 or 1 switches it off."""
    strength: float = 0.55
    """How far image-to-image leaves its source, above 0 to 1; less keeps the class better."""
    negative: str = ""
    """Negative prompt."""
    scheduler: str = ""
    """Name of a `diffusers` scheduler class; empty keeps the pipeline's."""
    spacing: str = ""
    """`timestep_spacing` of the scheduler (`trailing` for most few-step models); empty keeps its own."""
    lora: str = ""
    """Folder, file or hub name of LoRA weights; a repository of many is followed by the file: `OWNER/NAME/FILE`."""
    control: str = ""
    """Folder or hub name of a ControlNet for edges; an edit then keeps those of its source."""
    control_scale: float = 0.7
    """How strictly the edges are kept, 0 to 2."""
    ip_adapter: str = ""
    """Folder or hub name of an IP-Adapter; an edit then keeps what its source shows."""
    ip_weights: str = ""
    """The adapter's weights file in it, as `models/ip-adapter_sd15.safetensors`."""
    ip_encoder: str = ""
    """Folder of the adapter's eye in it; empty looks for `image_encoder` beside the weights."""
    ip_scale: float = 0.6
    """How much the adapter counts beside the words, 0 to 1."""
    keep_middle: float = 0.0
    """Share of each side (.1 to .95) around the middle that an edit leaves alone, repainting the rest; 0: none."""
    arm: DiffusionMode = "edit"
    """What is made unless a protocol says otherwise: plain text-to-image drifts from classes it does not know."""
    batch: int = 0
    """Images at once; 0 chooses by device."""
    dtype: Dtype = "auto"
    """`auto` is half precision on a GPU."""
    revision: str = ""
    """Branch, tag or commit of a hub model."""
    allow_pickle: bool = False
    """Load pickled weights, which can run any code when they are opened."""

    @property
    def use_safetensors(self) -> bool | None:
        """What `diffusers` is told: nothing but safetensors, or those where there are any."""
        return None if self.allow_pickle else True


def parse_model_spec(address: str) -> tuple[str, DiffusionOptions]:
    """Split an address into the model's name and its options, with what is known of the model as defaults.

    Raises:
        SetupError: No name, an unknown option, or a value that does not fit.
    """
    name, told = name_and_options(address, "?", "diffusion model", decode=True)
    if not name:
        raise SetupError("--generator diffusion: needs a model: diffusion:FOLDER or diffusion:HUB/NAME")
    asked = typed_options(DiffusionOptions, told, "a diffusion model")
    lora = split_lora(asked["lora"])[0] if "lora" in asked else ""
    known = {**model_facts(name).settings, **(model_facts(lora).settings if lora else {})}
    options = DiffusionOptions(**{**known, **asked})
    _check_options(options)
    return name, options


def split_lora(lora: str) -> tuple[str, str]:
    """Split `OWNER/NAME/FILE` into hub name and file; a folder, a local file or `OWNER/NAME` has no file."""
    parts = lora.split("/", 2)
    is_local = lora.startswith(("/", "~", ".")) or Path(lora).exists()
    return (lora, "") if is_local or len(parts) < 3 else ("/".join(parts[:2]), parts[2])


def _check_options(options: DiffusionOptions) -> None:
    for name in ("control", "ip_adapter", "keep_middle"):
        if options.arm == "text_to_image" and getattr(options, name):
            raise SetupError(f"{name} of a diffusion model needs a photo to start from: arm=edit")
    fits = {
        "steps": (options.steps >= 1, "1 or more"),
        "guidance": (0 <= options.guidance <= 100, "0 to 100"),
        "strength": (0 < options.strength <= 1, "above 0 to 1"),
        "control_scale": (0 <= options.control_scale <= 2, "0 to 2"),
        "ip_scale": (0 <= options.ip_scale <= 1, "0 to 1"),
        "keep_middle": (options.keep_middle == 0 or 0.1 <= options.keep_middle <= 0.95, "0, or .1 to .95"),
        "batch": (options.batch >= 0, "0 or more"),
    }
    for key, (is_fit, allowed) in fits.items():
        if not is_fit:
            value = getattr(options, key)
            raise SetupError(f"option {key}={value!r} of a diffusion model is out of range: {allowed}")
