"""Add-ons of a pipeline: LoRA weights, a ControlNet for edges, an IP-Adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.hashing import content_hash
from atlantis_core.generation.diffusion.options import DiffusionOptions, split_lora
from atlantis_core.learning.models.hub import fetch_snapshot
from atlantis_core.learning.models.weights_files import file_digest, folder_digest, require_safetensors

_WEIGHTS = ("*.json", "*.safetensors")
_PICKLED = ("*.bin", "*.pt", "*.ckpt", "*.pth")


@dataclass(frozen=True)
class AddonFiles:
    """Where the add-ons are on disk: folders, or a file for a LoRA; None for an add-on that is not used."""

    lora: Path | None = None
    control: Path | None = None
    ip_adapter: Path | None = None
    ip_weights: str = ""
    """Weights file, relative to the adapter's folder."""
    ip_encoder: str = ""
    """Folder of the image encoder, relative to the adapter's folder."""

    @cached_property
    def digests(self) -> dict[str, str]:
        """Option -> content hash of its files."""
        found: dict[str, str] = {}
        for name, path in (("lora", self.lora), ("control", self.control)):
            if path is not None:
                found[name] = folder_digest(path) if path.is_dir() else file_digest(str(path))
        if self.ip_adapter is not None:
            weights = file_digest(str(self.ip_adapter / self.ip_weights))
            found["ip_adapter"] = content_hash(
                "ip-adapter", [weights, folder_digest(self.ip_adapter / self.ip_encoder)]
            )
        return found


def find_addons(options: DiffusionOptions) -> AddonFiles:
    """Find the add-ons by folder or hub name, without loading them.

    Raises:
        SetupError: An add-on is missing, has no weights or only pickled ones, or a library is not installed.
    """
    pickled = options.allow_pickle
    patterns = (*_WEIGHTS, *_PICKLED) if pickled else _WEIGHTS
    lora = control = None
    if options.lora:
        require_peft(f"lora={options.lora}")
        name, file = split_lora(options.lora)
        lora = _find_path(name, "LoRA", (file,)) / file if file else _find_path(name, "LoRA", patterns)
        if file and not lora.is_file():
            raise SetupError(f"LoRA {name!r} has no file {file!r}")
    if options.control:
        control = _find_path(options.control, "ControlNet", patterns)
        if not (control / "config.json").is_file():
            raise SetupError(f"{str(control)!r} is not a ControlNet: config.json is missing")
    for folder in (lora, control):
        if folder is not None and folder.is_dir():
            require_safetensors(folder, allow_pickle=pickled)
    if lora is not None and lora.is_file() and lora.suffix != ".safetensors" and not pickled:
        raise SetupError(f"LoRA {str(lora)!r} is not a .safetensors file; add &allow_pickle=1 if you trust it")
    if not options.ip_adapter:
        return AddonFiles(lora, control)
    encoder = options.ip_encoder or (Path(options.ip_weights).parent / "image_encoder").as_posix()
    return AddonFiles(lora, control, _find_adapter(options, encoder), options.ip_weights, encoder)


def _find_path(name: str, kind: str, patterns: Sequence[str]) -> Path:
    path = Path(name).expanduser()
    if path.exists():
        return path.resolve()
    return Path(fetch_snapshot(name, kind, patterns))


def _find_adapter(options: DiffusionOptions, encoder: str) -> Path:
    """Return the folder of an IP-Adapter; one repository holds several, so the weights file has to be named."""
    weights = options.ip_weights
    if not weights:
        raise SetupError(f"ip_adapter={options.ip_adapter} needs a weights file: add &ip_weights=FILE.safetensors")
    if not weights.endswith(".safetensors") and not options.allow_pickle:
        raise SetupError(f"ip_weights={weights!r} is not a .safetensors file; add &allow_pickle=1 if you trust it")
    folder = _find_path(options.ip_adapter, "IP-Adapter", (weights, f"{encoder}/*"))
    if not (folder / weights).is_file():
        raise SetupError(f"IP-Adapter {str(folder)!r} has no file {weights!r}")
    if not (folder / encoder).is_dir():
        raise SetupError(f"IP-Adapter {str(folder)!r} has no folder {encoder!r}; name it: &ip_encoder=FOLDER")
    require_safetensors(folder / encoder, allow_pickle=options.allow_pickle)
    return folder


def has_peft() -> bool:
    """Whether the library of LoRA weights is installed."""
    from diffusers.utils import is_peft_available

    return bool(is_peft_available())


def require_peft(option: str) -> None:
    """Check that the library which an option (`lora=NAME`) needs is installed; a `SetupError` if not."""
    if not has_peft():
        raise SetupError(f"{option} needs peft, which is not installed: pip install 'atlantis-dml[lora]'")
