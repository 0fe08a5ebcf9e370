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


class _TorchvisionHook:
    """A meta-path finder that finds nothing; it acts once, when torchvision is first looked for.

    It stays where it is afterwards and holds the declared operators: torch forgets them once their Library object is
    collected, and of a module that a `.pth` line loaded nothing else remains.
    """

    def __init__(self) -> None:
        self._acted = False
        self._declared: Any = None

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:  # noqa: ARG002 (the finder protocol)
        if name == "torchvision" and not self._acted:
            self._acted = True
            self._declared = _declare_missing_operators()
        return None


def install() -> None:
    """Install the hook, unless torchvision is already imported or the hook is already there.

    It may be there as a class of another module: `packaging/atlantis_torchvision.pth` loads this file by its path.
    """
    there = any(type(finder).__name__ == _TorchvisionHook.__name__ for finder in sys.meta_path)
    if "torchvision" in sys.modules or there:
        return
    sys.meta_path.insert(0, _TorchvisionHook())


def _declare_missing_operators() -> Any:
    """Return the Library that holds the declarations, None where nothing was missing."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return None
    import torch

    package = Path(spec.origin).parent
    if any(_loads(library, torch) for library in package.glob("_C*.so")):
        return None
    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    source = (package / "_meta_registrations.py").read_text(encoding="utf-8")
    for operator in sorted(set(re.findall(r'register_fake\("torchvision::(\w+)"\)', source))):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def _loads(library: Path, torch: Any) -> bool:
    try:
        torch.ops.load_library(str(library))
    except OSError:
        return False
    return True
