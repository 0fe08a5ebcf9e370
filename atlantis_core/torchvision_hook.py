"""Let PyPI's torchvision wheel import beside a CPU-only torch.

PyPI's Linux wheels of torchvision link against CUDA's libraries. Beside a CPU build of torch their
extension cannot load, two operators stay undeclared, and `import torchvision` dies, and with it timm,
diffusers and half of transformers. Declaring the two operators' schemas is enough for everything that is
pure Python. Where the extension does load (CUDA torch, or the `+cpu` wheels) nothing is changed.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

_kept_alive: list[Any] = []  # torch forgets the declared operators once their Library object is collected


class _TorchvisionHook:
    """A meta-path finder that finds nothing; it acts once, when torchvision is first imported."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002 (the finder protocol)
        if name == "torchvision":
            sys.meta_path.remove(self)
            _declare_missing_operators()
        return None


def install() -> None:
    """Install the hook, unless torchvision is already imported or the hook is already there.

    It may be there as a class of another module: `packaging/atlantis_torchvision.pth` loads this file by its path.
    """
    there = any(type(finder).__name__ == _TorchvisionHook.__name__ for finder in sys.meta_path)
    if "torchvision" in sys.modules or there:
        return
    sys.meta_path.insert(0, _TorchvisionHook())


def _declare_missing_operators() -> None:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    import torch

    package = Path(spec.origin).parent
    if any(_loads(library, torch) for library in package.glob("_C*.so")):
        return
    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    source = (package / "_meta_registrations.py").read_text(encoding="utf-8")
    for operator in sorted(set(re.findall(r'register_fake\("torchvision::(\w+)"\)', source))):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept_alive.append(library)


def _loads(library: Path, torch: Any) -> bool:
    try:
        torch.ops.load_library(str(library))
    except OSError:
        return False
    return True
