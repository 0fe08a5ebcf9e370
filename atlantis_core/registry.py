"""Choosing a part by its name.

A registry is a plain mapping `"name": "module:Class"`. Nothing is imported before it is asked for; a full
`module:Class` is accepted too, which is the whole plugin system. A part that needs to be told something takes it
behind its name: `diffusion:FOLDER`.
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
        known = ", ".join(sorted(registry))
        raise SetupError(f"{kind} {name!r} cannot be loaded: {error}; known: {known}") from error


def build(registry: Mapping[str, str], name: str, kind: str) -> Any:
    """Import what `name` stands for and make one; what stands behind a known name and a colon is handed to it.

    Raises:
        SetupError: The name is unknown, its module cannot be imported, or it needs to be told something.
    """
    short, _, told = name.partition(":")
    if short not in registry:
        return load(registry, name, kind)()
    part = load(registry, short, kind)
    if told:
        return part(told)
    try:
        return part()
    except TypeError as error:
        raise SetupError(f"{kind} {short!r} needs to be told which model: {short}:NAME") from error
