"""Read weights files: safetensors with a JSON description beside them. Pickled weights are never loaded."""

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
"""Largest input side that a description may give."""

_CROP: dict[str, tuple[str, ...]] = {
    "interpolation": ("bicubic", "bilinear", "lanczos", "nearest", "box", "hamming"),
    "crop_pct": (),
    "crop_mode": ("center", "squash", "border"),
}
"""Optional fields of a description -> timm's values; `crop_pct` takes any number within its limits."""

_MIN_CROP, _MAX_CROP = 0.1, 2.0
"""timm's own values are from 0.875 to 1.15; far below, the backbone would see a tiny part of a huge image."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        SetupError: The file does not exist or is not a safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if path.suffix != ".safetensors":
        raise SetupError(f"weights {str(path)!r} are not a .safetensors file (pickled weights are never loaded)")
    if not path.is_file():
        raise SetupError(f"weights {str(path)!r} not found; give the path of a .safetensors file")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise SetupError(f"weights {str(path)!r} cannot be read as safetensors: {error}") from error


def read_facts(path: Path) -> dict[str, Any]:
    """Read the `.json` beside a safetensors file, with at least architecture, mean, std and input_px.

    Raises:
        SetupError: The file is missing or not a JSON object, or a field is missing or has the wrong type.
    """
    facts_path = path.with_suffix(".json")
    try:
        facts = json.loads(facts_path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SetupError(
            f"weights {str(path)!r} need a description {facts_path.name!r} beside them "
            "(a JSON object with architecture, arguments, mean, std, input_px)"
        ) from error
    except ValueError as error:
        raise SetupError(f"{str(facts_path)!r} is not valid JSON: {error}") from error
    wanted = ("architecture", "mean", "std", "input_px")
    missing = [key for key in wanted if not isinstance(facts, dict) or key not in facts]
    if missing:
        raise SetupError(f"{str(facts_path)!r} lacks {', '.join(missing)}")
    _check_types(facts, path)
    return dict(facts)


def parse_rgb(values: Any, key: str, path: Path) -> tuple[float, float, float]:
    """Return the three floats of a description's `mean` or `std`.

    Raises:
        SetupError: The value is not three finite numbers.
    """
    try:
        red, green, blue = (float(value) for value in values)
    except (TypeError, ValueError, OverflowError) as error:
        raise SetupError(f"{key!r} beside {str(path)!r} must be three numbers, not {values!r}") from error
    if not all(map(isfinite, (red, green, blue))):
        raise SetupError(f"{key!r} beside {str(path)!r} must be three finite numbers, not {values!r}")
    return red, green, blue


def crop_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the crop settings of a checked description as fields of `BackboneSpec`; empty if it has none."""
    if not any(key in facts for key in _CROP):
        return {}
    return {"preprocessing": 2} | {key: facts[key] for key in _CROP if key in facts}


def _check_types(facts: dict[str, Any], path: Path) -> None:
    """Raise `SetupError` for values that no training writes: the file may come from anywhere."""
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
    for key, known in _CROP.items():
        if key in facts and known and facts[key] not in known:
            raise SetupError(f"{key!r} beside {str(path)!r} must be one of {', '.join(known)}, not {facts[key]!r}")
    share = facts.get("crop_pct", 1.0)
    if not isinstance(share, int | float) or isinstance(share, bool) or not _MIN_CROP <= share <= _MAX_CROP:
        raise SetupError(
            f"'crop_pct' beside {str(path)!r} must be from {_MIN_CROP} to {_MAX_CROP} "
            f"(1 crops nothing), not {share!r}"
        )


def file_digest(path: str) -> str:
    """Return the SHA-256 of a file; it is computed once per size and modification time."""
    stat = Path(path).stat()
    return _digest(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(path: str, size: int, changed_ns: int) -> str:  # noqa: ARG001 (part of the cache key)
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_HASHED_SUFFIXES = {".safetensors", ".json", ".txt", ".bin", ".model"}

_SAME_RESULTS: Mapping[str, str] = {
    "f978349afd43672cc877dfbf6f638901": "eb4bd84a294a7b799129d775d6799b12",  # the bundled painter
    "0a1804373ed03780e1ad0c61cc4e8bb2": "d23015e014c92a9dd18b9f28ca1b8904",  # the bundled captioner
}
"""Folders whose files changed and whose results did not -> the hash under which earlier versions stored those.

Both said `dtype: float16` in a `config.json`, which this package never followed; other readers do.
"""


def folder_digest(folder: Path) -> str:
    """Return the content hash of a model folder: its weights, configurations and vocabularies."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in _HASHED_SUFFIXES)
    digest = content_hash("model", [(str(path.relative_to(folder)), file_digest(str(path))) for path in files])
    return _SAME_RESULTS.get(digest, digest)


def require_safetensors(folder: Path, *, allow_pickle: bool = False) -> None:
    """Check that a model folder has weights, and not only pickled ones unless those are allowed.

    Raises:
        SetupError: It has none, or only pickled ones.
    """
    if any(folder.glob("*.safetensors")):
        return
    pickled = next((path for suffix in ("bin", "pt", "ckpt", "pth") for path in folder.glob(f"*.{suffix}")), None)
    if pickled is None:
        raise SetupError(f"model folder {str(folder)!r} has no weights (*.safetensors)")
    if not allow_pickle:
        raise SetupError(
            f"{str(pickled)!r} is pickled, so opening it can run any code; use .safetensors, or add ?allow_pickle=1 "
            "if you trust it"
        )


def require_transformers(folder: Path, *, allow_pickle: bool = False) -> str:
    """Check a `transformers` model folder and return its absolute path.

    Raises:
        SetupError: It has no config.json, no weights, or only pickled ones.
    """
    if not (folder / "config.json").is_file():
        raise SetupError(f"{str(folder)!r} is not a transformers model: it has no config.json")
    require_safetensors(folder, allow_pickle=allow_pickle)
    return str(folder.resolve())
