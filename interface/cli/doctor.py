"""`atlantis doctor`: what is installed, which devices there are, and whether a provider answers."""

from __future__ import annotations

import importlib
import os
import platform
import tempfile
from collections.abc import Callable
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlantis_core.base.errors import AtlantisError, SetupError
from atlantis_dml import __version__
from atlantis_dml.app.output import EXIT_USER_ERROR, print_json
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command

if TYPE_CHECKING:
    from atlantis_dml.settings import Settings

_PACKAGES = ("torch", "torchvision", "timm", "kornia", "langgraph", "langchain-openai", "sqlalchemy", "chromadb")
_PROVIDER_SECONDS = 5.0

Check = dict[str, Any]
"""`name`, `ok` (None where it does not matter) and `found`, in words."""


@command()
def doctor(
    base_url: Annotated[str | None, typer.Option(help="Also ask whether this service answers.")] = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Check the installation; exit 2 where something must be mended.

    Example: atlantis doctor
    """
    from atlantis_dml.settings import Settings

    settings = Settings()
    checks = [
        _check("python", lambda: f"{platform.python_version()} on {platform.platform(terse=True)}"),
        _check("atlantis-dml", lambda: __version__),
        *[_check(name, partial(metadata.version, name)) for name in _PACKAGES],
        _check("devices", _check_devices),
        _check("import timm", _check_timm),
        _check("bundled student", _check_student),
        _check("workspace", lambda: _check_writable(workspace or settings.workspace)),
        _check("provider key", lambda: _check_key(settings)),
        *_check_provider(settings, base_url or settings.base_url),
    ]
    failed = [check["name"] for check in checks if not check["ok"]]
    print_json({"ok": not failed, "checks": checks}) if as_json else _show(checks)
    if failed:
        raise typer.Exit(EXIT_USER_ERROR)


def _check(name: str, look: Callable[[], str]) -> Check:
    """Look, and turn what goes wrong into a line; only failures that an installation can have."""
    try:
        return {"name": name, "ok": True, "found": look()}
    except metadata.PackageNotFoundError:
        return {"name": name, "ok": False, "found": "not installed; `pip install atlantis-dml` brings it"}
    except (AtlantisError, ImportError, OSError, RuntimeError) as error:
        return {"name": name, "ok": False, "found": f"{type(error).__name__}: {error}"}


def _check_devices() -> str:
    import torch

    cards = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return f"{', '.join(cards) or 'no GPU'}; {os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"


def _check_timm() -> str:
    timm = importlib.import_module("timm")
    importlib.import_module("torchvision.transforms.v2")
    return f"works ({len(timm.list_models())} models)"


def _check_student() -> str:
    from atlantis_core.learning.models.backbone_modules import create_backbone
    from atlantis_core.learning.models.backbones import HARBOR_STUDENT, resolve_backbone

    backbone = resolve_backbone(HARBOR_STUDENT)
    parameters = sum(weights.numel() for weights in create_backbone(backbone).parameters())
    return f"{backbone.architecture}, {parameters / 1e6:.1f} M parameters"


def _check_writable(folder: Path) -> str:
    """Try to write without leaving anything: the nearest folder that is there must take a file."""
    folder = folder.expanduser().resolve()
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not nearest.is_dir():
        raise SetupError(f"{str(nearest)!r} is a file; name a folder with --workspace")
    with tempfile.TemporaryFile(dir=nearest):
        return f"{folder} ({'there' if nearest == folder else 'will be made'})"


def _check_key(settings: Settings) -> str:
    found = settings.key() or settings.azure_api_key
    return "yes" if found else "no (only chat models, `openai:MODEL` or `azure:DEPLOYMENT`, need one)"


def _check_provider(settings: Settings, base_url: str | None) -> list[Check]:
    """Ask the provider for its models, where a key or an address says that there is one."""
    if not (base_url or settings.api_key or settings.api_key_file):
        return []

    def ask() -> str:
        import openai

        key = settings.key()
        client = openai.OpenAI(
            api_key=key.get_secret_value() if key else "none",
            base_url=base_url,
            timeout=_PROVIDER_SECONDS,
            max_retries=0,
        )
        try:
            models = list(client.models.list())
        except openai.OpenAIError as error:
            raise SetupError(f"{base_url or 'OpenAI'} does not answer: {type(error).__name__}") from error
        return f"{base_url or 'OpenAI'} answers, {len(models)} models"

    return [_check("provider", ask)]


def _show(checks: list[Check]) -> None:
    from atlantis_dml.views.runs import build_table, stdout_console

    rows = [("ok" if check["ok"] else "FAILS", check["name"], check["found"]) for check in checks]
    stdout_console().print(build_table(("", "what", "found"), rows))
