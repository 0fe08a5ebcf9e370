"""Checks an installation, for `atlantis doctor`."""

from __future__ import annotations

import importlib
import math
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import AtlantisError, SetupError

if TYPE_CHECKING:
    from atlantis_dml.settings import Settings

_PACKAGES = ("torch", "torchvision", "timm", "kornia", "langgraph", "langchain-openai", "sqlalchemy", "chromadb")
_NO_KEY = "no (only chat models, `openai:MODEL` or `azure:DEPLOYMENT`, need one)"

Check = dict[str, Any]
"""`name`, `ok` and `found`, in words."""


def check_installation(base_url: str | None, workspace: Path | None, *, imports: bool = False) -> list[Check]:
    """Check packages, devices, the bundled model, the workspace and the provider of chat models.

    Without `base_url` the environment's provider is asked, and nobody where there is no key. With `imports`, torch
    and timm are imported and the bundled model is built, which takes seconds; else their files are looked at.
    """
    from atlantis_dml.settings import Settings

    settings = Settings()
    return [
        _check("python", lambda: f"{platform.python_version()} on {platform.platform(terse=True)}"),
        *[_check(name, partial(metadata.version, name)) for name in ("atlantis-dml", *_PACKAGES)],
        *[_check(name, tried if imports else seen) for name, (tried, seen) in _heavy_looks().items()],
        _check("workspace", lambda: _check_writable(workspace or settings.workspace)),
        _check("provider key", lambda: "yes" if settings.key() or settings.azure_api_key else _NO_KEY),
        *_check_provider(settings, base_url or settings.base_url),
    ]


def _check(name: str, look: Callable[[], str]) -> Check:
    """Run one check; the failures that an installation can have become a line."""
    try:
        return {"name": name, "ok": True, "found": look()}
    except metadata.PackageNotFoundError:
        return {"name": name, "ok": False, "found": "not installed; pip install atlantis-dml"}
    except (AtlantisError, ImportError, OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        return {"name": name, "ok": False, "found": f"{type(error).__name__}: {error}"}


def _heavy_looks() -> dict[str, tuple[Callable[[], str], Callable[[], str]]]:
    """Return the checks that import torch, by name, each with the one in its place that imports nothing."""
    return {
        "devices": (_import_torch, _find_devices),
        "import timm": (_import_timm, _compare_torch_versions),
        "bundled student": (_build_student, _find_student),
    }


def _import_torch() -> str:
    import torch

    cards = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return f"{_list_devices(cards)}, torch uses {torch.get_num_threads()} threads"


def _import_timm() -> str:
    timm = importlib.import_module("timm")
    importlib.import_module("torchvision.transforms.v2")
    return f"works ({len(timm.list_models())} models)"


def _build_student() -> str:
    from atlantis_core.learning.models.backbone_modules import create_backbone
    from atlantis_core.learning.models.backbones import HARBOR_STUDENT, resolve_backbone

    backbone = resolve_backbone(HARBOR_STUDENT)
    parameters = sum(weights.numel() for weights in create_backbone(backbone).parameters())
    return f"{backbone.architecture}, {parameters / 1e6:.1f} M parameters"


def _find_devices() -> str:
    """Ask the driver of the graphics cards, if there is one."""
    driver = shutil.which("nvidia-smi")
    if driver is None:
        return _list_devices([])
    command = [driver, "--query-gpu=name", "--format=csv,noheader"]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    cards = asked.stdout.splitlines() if asked.returncode == 0 else []
    return _list_devices([card.strip() for card in cards])


def _compare_torch_versions() -> str:
    """Compare torch with the version that torchvision was built for: with another one timm cannot be imported."""
    from packaging.requirements import Requirement

    torch, torchvision = metadata.version("torch"), metadata.version("torchvision")
    for needed in map(Requirement, metadata.requires("torchvision") or []):
        if needed.name == "torch" and not needed.specifier.contains(torch, prereleases=True):
            raise SetupError(f"torchvision {torchvision} needs {needed}, not {torch}; pip install '{needed}'")
    return f"not tried; torchvision {torchvision} is made for torch {torch}"


def _list_devices(cards: Sequence[str]) -> str:
    return f"{', '.join(cards) or 'no GPU'}; {os.cpu_count()} cores"


def _find_student() -> str:
    """Open the bundled weights, which compares their header with their length, and read the description."""
    from safetensors import SafetensorError, safe_open

    from atlantis_core.learning.models.backbones import HARBOR_STUDENT_FILE
    from atlantis_core.learning.models.weights_files import read_facts

    try:
        with safe_open(HARBOR_STUDENT_FILE, framework="np") as weights:
            shapes = [weights.get_slice(name).get_shape() for name in weights.keys()]  # noqa: SIM118 (not a mapping)
    except SafetensorError as error:
        raise SetupError(
            f"{str(HARBOR_STUDENT_FILE)!r} cannot be read: {error}; install atlantis-dml again"
        ) from error
    parameters = sum(math.prod(shape) for shape in shapes)
    return f"{read_facts(HARBOR_STUDENT_FILE)['architecture']}, {parameters / 1e6:.1f} M parameters"


def _check_writable(folder: Path) -> str:
    """Try to write a temporary file to the workspace, or to its nearest parent that exists."""
    folder = folder.expanduser().resolve()
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not nearest.is_dir():
        raise SetupError(f"{str(nearest)!r} is a file; name a folder with --workspace")
    with tempfile.TemporaryFile(dir=nearest):
        return f"{folder} ({'exists' if nearest == folder else 'will be created'})"


def _check_provider(settings: Settings, base_url: str | None) -> list[Check]:
    """Ask the provider for its models, if a key or an address names one."""
    if not (base_url or settings.api_key or settings.api_key_file):
        return []

    def ask() -> str:
        import openai

        key = settings.key()
        secret = key.get_secret_value() if key else "none"
        client = openai.OpenAI(api_key=secret, base_url=base_url, timeout=5.0, max_retries=0)
        try:
            models = list(client.models.list())
        except openai.OpenAIError as error:
            raise SetupError(f"{base_url or 'OpenAI'} does not answer: {type(error).__name__}") from error
        return f"{base_url or 'OpenAI'} answers, {len(models)} models"

    return [_check("provider", ask)]
