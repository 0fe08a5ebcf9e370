"""Import timm and torchvision without torch's compiler, which they load while they are imported and rarely use.

torchvision takes one function of `torch._dynamo`, timm decorates some with `torch.compiler.disable`, and either loads
the whole compiler and sympy: half of the time of `import timm`. Here both get the same function in a form that loads
the compiler when it is first called. A version whose source reads otherwise is imported as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType

_CHANGES = {
    "torchvision.ops.roi_align": (
        "\nfrom torch._dynamo.utils import is_compile_supported\n",
        "\ndef is_compile_supported(device_type): "
        "import torch._dynamo.utils; return torch._dynamo.utils.is_compile_supported(device_type)\n",
    ),
    "timm.layers.typing": (
        '\ndisable_compiler = getattr(getattr(torch, "compiler", None), "disable", None) or nullwrap\n',
        "\nfrom torch._compile import _disable_dynamo as disable_compiler\n",
    ),
}
"""Module -> one line of its source, and the line in its place; what is below keeps its line number."""


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType:
        """Compile the changed source; the cached bytecode is of the unchanged one."""
        source = self.get_data(self.path).decode("utf-8")
        changed: CodeType = self.source_to_code(source.replace(*_CHANGES[fullname]).encode("utf-8"), self.path)
        return changed


class _Finder:
    """A meta-path finder of the modules above."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,
        target: object = None,  # noqa: ARG002 (the finder protocol)
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name in _CHANGES else None
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return None
        spec.loader = _Loader(name, spec.loader.path)
        return spec


def install() -> None:
    """Install the finder, unless it is there."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
