"""Find a backbone and its weights: in a file, in the local cache, on the hub, or random (from scratch)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.base.serialization import as_json
from atlantis_core.learning.models.hub import HubWeights, find_pretrained
from atlantis_core.learning.models.timm_config import input_facts
from atlantis_core.learning.models.weights_files import crop_facts, file_digest, parse_rgb, read_facts, read_weights

Source = Literal["file", "cache", "hub", "scratch"]

HARBOR_STUDENT = "harbor-student"
"""Name of the bundled student."""
HARBOR_STUDENT_FILE = Path(__file__).parents[2] / "harbor" / "weights" / "student.safetensors"
"""Its weights."""

SCRATCH = "scratch"
"""Name of the small transformer without pretrained weights; `scratch:NAME` is any timm model without them."""

NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "clip": ("vit_base_patch16_clip_224.openai", {}),
    "dino-vits16": ("vit_small_patch16_224.dino", {}),
    "dinov2": ("vit_small_patch14_dinov2.lvd142m", {"img_size": 224}),
    "vits16-in21k": ("vit_small_patch16_224.augreg_in21k", {}),
}
"""Short names of the backbones in the literature -> timm's name and arguments of `timm.create_model`."""

DEFAULT_GPU = "vit_small_patch16_224.dino"
DEFAULT_CPU = "mobilenetv3_small_100.lamb_in1k"
SCRATCH_ARCHITECTURE = "vit_tiny_patch16_224"
SCRATCH_ARGUMENTS: dict[str, Any] = {
    "img_size": 64,
    "patch_size": 8,
    "embed_dim": 128,
    "depth": 4,
    "num_heads": 4,
    "class_token": False,
    "global_pool": "avg",
}
"""The backbone that is trained from scratch if no pretrained weights are available; small enough for two cores."""


PREPROCESSING = 2
"""Newest version of the preprocessing; see `BackboneSpec.preprocessing`."""


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """Description of a backbone: architecture, weights and input; `create_backbone` builds the timm module."""

    architecture: str
    """timm's name."""
    arguments: Mapping[str, Any]
    weights_path: str | None
    """Safetensors file; None for random weights."""
    mean: tuple[float, float, float]
    """Mean of the normalised input, RGB, in 0..1."""
    std: tuple[float, float, float]
    """Standard deviation of the normalised input, RGB, in 0..1."""
    input_px: int
    source: Source
    notice: str = field(default="", compare=False)
    """A line to show to the person, such as why the weights are random; usually empty."""
    preprocessing: int = 1
    """1: the central square, bicubic, whatever timm says (models made before version 2); 2: timm's evaluation
    transform with the three settings below."""
    interpolation: str = "bicubic"
    """timm's name of the resampling filter."""
    crop_pct: float = 1.0
    """Side of the central crop relative to that of the resized image."""
    crop_mode: str = "center"
    """timm's: `center` crops the longer side, `squash` ignores the aspect ratio, `border` pads."""

    @property
    def crop(self) -> dict[str, Any]:
        """The crop settings as stored in a description; empty for version 1, as in older files."""
        if self.preprocessing == 1:
            return {}
        return {"interpolation": self.interpolation, "crop_pct": self.crop_pct, "crop_mode": self.crop_mode}

    @property
    def weights(self) -> Literal["random", "pretrained"]:
        """Whether the initial weights are random or pretrained."""
        return "random" if self.source == "scratch" else "pretrained"

    @property
    def pinned_name(self) -> str | None:
        """The name by which `resolve_backbone` finds the same backbone again; None if it comes from a file."""
        if self.source == "file":
            return None
        if self.source == "scratch" and self.arguments == SCRATCH_ARGUMENTS:
            return SCRATCH
        known = (name for name, facts in NAMED.items() if facts == (self.architecture, dict(self.arguments)))
        name = next(known, self.architecture) if self.arguments else self.architecture
        return f"{SCRATCH}:{name}" if self.source == "scratch" else name

    @property
    def fingerprint(self) -> str:
        """Content hash of architecture, arguments, preprocessing and the bytes of the weights."""
        weights = "scratch" if self.weights_path is None else file_digest(self.weights_path)
        facts = [self.architecture, as_json(self.arguments), weights, list(self.mean), list(self.std)]
        later = [self.preprocessing, self.crop] if self.crop else []  # keeps the hashes of version 1 valid
        return content_hash("backbone", [*facts, *later])

    def with_first_preprocessing(self) -> BackboneSpec:
        """Return the same backbone with version 1 of the preprocessing."""
        return replace(self, preprocessing=1, interpolation="bicubic", crop_pct=1.0, crop_mode="center")


def resolve_backbone(
    name: str | None = None,
    weights: str | None = None,
    *,
    or_random: bool = True,
    preprocessing: int = PREPROCESSING,
) -> BackboneSpec:
    """Find a backbone and its weights.

    Args:
        name: A name in `NAMED`, a timm name, `harbor-student`, `scratch`, `scratch:` and a timm name, or None for a
            small pretrained default.
        weights: A safetensors file with its `.json` beside it; `name` is then only compared with it.
        or_random: Use random weights, with a notice, if a named model's own are unavailable. Trainings allow it,
            evaluations do not.
        preprocessing: 1 gives version 1 of the preprocessing, for runs that began with it.

    Raises:
        SetupError: Unknown name, missing or unreadable file, pickled weights, a file that contradicts `name`, or
            unavailable weights without `or_random`.
    """
    spec = _resolve(name, weights, or_random)
    return spec.with_first_preprocessing() if preprocessing == 1 else spec


def _resolve(name: str | None, weights: str | None, or_random: bool) -> BackboneSpec:
    if name == HARBOR_STUDENT and weights is None:
        name, weights = None, str(HARBOR_STUDENT_FILE)
    if weights is not None:
        return _spec_from_file(Path(weights).expanduser(), name)
    if name is None:
        return _default_spec()
    if name == SCRATCH:
        return _small_scratch_spec("")
    if name.startswith(f"{SCRATCH}:"):
        return _scratch_spec(name.removeprefix(f"{SCRATCH}:"), "")
    return _spec_from_name(name, or_random)


def starts_from_scratch(name: str | None = None, weights: str | None = None) -> bool:
    """Return whether `resolve_backbone` would give random weights; loads no library if the name tells.

    Raises:
        SetupError: As in `resolve_backbone`.
    """
    if weights is not None or name == HARBOR_STUDENT:
        return False
    if name is not None and name.split(":")[0] == SCRATCH:
        return True
    return resolve_backbone(name).source == "scratch"


def _spec_from_file(path: Path, name: str | None) -> BackboneSpec:
    """Describe the backbone in a safetensors file; reading the weights reports a bad file early."""
    read_weights(path)
    facts = read_facts(path)
    expected = NAMED.get(name or "", (name,))[0]
    if expected is not None and expected.split(".")[0] != facts["architecture"].split(".")[0]:
        raise SetupError(
            f"weights {str(path)!r} are of backbone {facts['architecture']!r}, not of {name!r}; leave out one of them"
        )
    check_name(facts["architecture"])
    mean, std = (parse_rgb(facts[key], key, path) for key in ("mean", "std"))
    arguments, side_px = facts.get("arguments", {}), int(facts["input_px"])
    crop = crop_facts(facts)
    return BackboneSpec(facts["architecture"], arguments, str(path.resolve()), mean, std, side_px, "file", **crop)


def _default_spec() -> BackboneSpec:
    """Return a small pretrained model if one is available, else a small transformer from scratch."""
    import torch

    name = DEFAULT_GPU if torch.cuda.is_available() else DEFAULT_CPU
    found = find_pretrained(name)
    if isinstance(found, HubWeights):
        return _timm_spec(name, {}, found.path, found.source)
    return _small_scratch_spec(f"no pretrained weights ({found}): a small transformer from scratch (random weights)")


def _small_scratch_spec(notice: str) -> BackboneSpec:
    half = (0.5, 0.5, 0.5)
    side_px = int(SCRATCH_ARGUMENTS["img_size"])
    return BackboneSpec(SCRATCH_ARCHITECTURE, SCRATCH_ARGUMENTS, None, half, half, side_px, "scratch", notice)


def _spec_from_name(name: str, or_random: bool) -> BackboneSpec:
    """Describe a timm model, pretrained if possible."""
    architecture, arguments = NAMED.get(name, (name, {}))
    check_name(architecture)
    found = find_pretrained(architecture)
    if isinstance(found, HubWeights):
        return _timm_spec(architecture, arguments, found.path, found.source)
    if not or_random:
        raise SetupError(
            f"no pretrained weights for {name!r} ({found}); name a FILE.safetensors with a .json beside it instead, "
            f"or {SCRATCH}:{name} for random weights"
        )
    return _scratch_spec(
        name, f"no pretrained weights for {name!r} ({found}): it starts from scratch (random weights)"
    )


def _scratch_spec(name: str, notice: str) -> BackboneSpec:
    architecture, arguments = NAMED.get(name, (name, {}))
    check_name(architecture)
    return _timm_spec(architecture, arguments, None, "scratch", notice)


def _timm_spec(
    architecture: str, arguments: Mapping[str, Any], weights_path: str | None, source: Source, notice: str = ""
) -> BackboneSpec:
    facts = input_facts(architecture)
    side_px = int(arguments.get("img_size", facts["input_px"]))
    settings = {**facts, "input_px": side_px, "preprocessing": PREPROCESSING}
    return BackboneSpec(architecture, arguments, weights_path, source=source, notice=notice, **settings)


def check_name(name: str) -> None:
    """Check that timm knows a name, without its lookups on the hub for `hf-hub:` names.

    Raises:
        SetupError: timm does not know the name.
    """
    import timm

    if ":" in name or "/" in name or not timm.is_model(name):
        family = name.split("_", maxsplit=1)[0].split(".", maxsplit=1)[0]
        similar = timm.list_models(f"*{family}*")[:5] if name.isascii() else []
        hint = f" (perhaps {', '.join(similar)})" if similar else ""
        raise SetupError(
            f"unknown backbone {name!r}: neither a timm model{hint} nor one of {', '.join(NAMED)}; "
            "for your own weights, give the path of their .safetensors file"
        )
