"""Weights files: safetensors with a description as JSON beside them. Pickled weights are never loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash

if TYPE_CHECKING:
    from torch import Tensor

_MAX_SIDE_PX = 4096
"""Largest side of a picture that a description may ask for."""

_CROP: dict[str, tuple[str, ...]] = {
    "interpolation": ("bicubic", "bilinear", "lanczos", "nearest", "box", "hamming"),
    "crop_pct": (),
    "crop_mode": ("center", "squash", "border"),
}
"""Fields that a description may have beside those it must have -> timm's values; of `crop_pct` any within limits."""

_LEAST_CROP, _MOST_CROP = 0.1, 2.0
"""timm's own are from 0.875 to 1.15; far below, a small crop of a huge resized image would be all that is seen."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        SetupError: The file is missing or is no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix != ".safetensors":
        raise SetupError(f"weights {str(path)!r} are not a .safetensors file (pickled weights are never loaded)")
    if not path.is_file():
        raise SetupError(f"weights {str(path)!r} not found; give a .safetensors file")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise SetupError(f"weights {str(path)!r} cannot be read as safetensors: {error}") from error


def read_facts(path: Path) -> dict[str, Any]:
    """Read the `.json` beside a safetensors file; at least architecture, mean, std and input_px are in it.

    Raises:
        SetupError: It is missing, no JSON object, or lacks a field, or one is of another kind.
    """
    facts_path = path.with_suffix(".json")
    try:
        facts = json.loads(facts_path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(
            f"weights {str(path)!r} need {facts_path.name!r} beside them "
            "(architecture, arguments, mean, std, input_px)"
        ) from error
    except ValueError as error:
        raise SetupError(f"{str(facts_path)!r} is not valid JSON: {error}") from error
    wanted = ("architecture", "mean", "std", "input_px")
    missing = [key for key in wanted if not isinstance(facts, dict) or key not in facts]
    if missing:
        raise SetupError(f"{str(facts_path)!r} lacks {', '.join(missing)}")
    checked: dict[str, Any] = facts
    _check_types(checked, path)
    return checked


def parse_rgb(values: Any, key: str, path: Path) -> tuple[float, float, float]:
    """Return three floats of a description, or say which field is wrong.

    Raises:
        SetupError: Not three finite numbers, as a mean and a standard deviation of RGB are.
    """
    try:
        red, green, blue = (float(value) for value in values)
    except (TypeError, ValueError, OverflowError) as error:
        raise SetupError(f"{key!r} beside {str(path)!r} must be three numbers, not {values!r}") from error
    if not all(map(isfinite, (red, green, blue))):
        raise SetupError(f"{key!r} beside {str(path)!r} must be three finite numbers, not {values!r}")
    return red, green, blue


def crop_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checked description's crop as fields of a `Backbone`; nothing where it says nothing of one."""
    if not any(key in facts for key in _CROP):
        return {}
    return {"preprocessing": 2} | {key: facts[key] for key in _CROP if key in facts}


def _check_types(facts: dict[str, Any], path: Path) -> None:
    """Refuse values that no training writes: the file may be anybody's."""
    side_px = facts["input_px"]
    if not isinstance(side_px, int) or isinstance(side_px, bool) or not 1 <= side_px <= _MAX_SIDE_PX:
        raise SetupError(f"'input_px' beside {str(path)!r} must be from 1 to {_MAX_SIDE_PX}, not {side_px!r}")
    if not isinstance(facts["architecture"], str):
        raise SetupError(f"'architecture' beside {str(path)!r} must be a name, not {facts['architecture']!r}")
    for key in ("arguments", "head", "recipe", "backbone", "report"):
        if not isinstance(facts.get(key, {}), dict):
            raise SetupError(f"{key!r} beside {str(path)!r} must be an object, not {facts[key]!r}")
    for key in ("mean", "std"):
        parse_rgb(facts[key], key, path)
    _check_crop(facts, path)


def _check_crop(facts: dict[str, Any], path: Path) -> None:
    for key, known in _CROP.items():
        if key in facts and known and facts[key] not in known:
            raise SetupError(f"{key!r} beside {str(path)!r} must be one of {', '.join(known)}, not {facts[key]!r}")
    share = facts.get("crop_pct", 1.0)
    if not isinstance(share, int | float) or isinstance(share, bool) or not _LEAST_CROP <= share <= _MOST_CROP:
        raise SetupError(
            f"'crop_pct' beside {str(path)!r} must be from {_LEAST_CROP} to {_MOST_CROP} "
            f"(1 crops nothing), not {share!r}"
        )


def file_digest(path: str) -> str:
    """Hash a file once per size and time stamp."""
    stat = Path(path).stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: str, size: int, changed_ns: int) -> str:  # noqa: ARG001 (they are the cache's key)
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_HASHED_SUFFIXES = {".safetensors", ".json", ".txt", ".bin", ".model"}


def folder_digest(folder: Path) -> str:
    """Return the content address of a model's folder: its weights, configurations and vocabularies."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in _HASHED_SUFFIXES)
    return content_hash("model", [(str(path.relative_to(folder)), file_digest(str(path))) for path in files])


def require_safetensors(folder: Path, *, allow_pickle: bool = False) -> None:
    """Refuse a model's folder that holds pickled weights only, or none.

    Raises:
        SetupError: Names the file, and what to do.
    """
    if any(folder.glob("*.safetensors")):
        return
    pickled = next((path for suffix in ("bin", "pt", "ckpt", "pth") for path in folder.glob(f"*.{suffix}")), None)
    if pickled is None:
        raise SetupError(f"{str(folder)!r} has no weights (*.safetensors)")
    if not allow_pickle:
        raise SetupError(
            f"{str(pickled)!r} is pickled and can run any code when it is opened; get safetensors, or, if you trust "
            "it, say so: add ?allow_pickle=1"
        )


def require_transformers(folder: Path, *, allow_pickle: bool = False) -> str:
    """Return the whole path of a folder in the manner of `transformers`.

    Raises:
        SetupError: It has no configuration, or pickled weights only, or none.
    """
    if not (folder / "config.json").is_file():
        raise SetupError(f"{str(folder)!r} is no transformers model: it has no config.json")
    require_safetensors(folder, allow_pickle=allow_pickle)
    return str(folder.resolve())
