"""Choosing a part by its name.

A registry is a plain mapping `"name": "module:Class"`. Nothing is imported before it is asked for; a full
`module:Class` is accepted too, which is the whole plugin system.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from atlantis_core.errors import SetupError


def load(registry: Mapping[str, str], name: str, kind: str) -> Any:
    """Import what `name` stands for.

    Args:
        registry: Short name -> `module:attribute`.
        name: A short name, or `module:attribute`.
        kind: What is being chosen, for the error message (`"captioner"`).

    Raises:
        SetupError: The name is unknown, or its module cannot be imported.
    """
    target = registry.get(name, name)
    module_name, _, attribute = target.partition(":")
    if not attribute:
        raise SetupError(f"unknown {kind} {name!r}; known: {', '.join(sorted(registry))}")
    try:
        return getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise SetupError(f"{kind} {name!r} cannot be loaded: {error}") from error
