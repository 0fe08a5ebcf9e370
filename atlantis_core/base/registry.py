"""Choosing a part by its name.

A registry is a plain mapping `"name": "module:Class"`. Nothing is imported before it is asked for; a full
`module:Class` is accepted too, which is the whole plugin system. A part that needs to be told something takes it
behind its name: `diffusion:FOLDER`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from inspect import getattr_static
from typing import Any

from atlantis_core.base.errors import SetupError


def load_part(registry: Mapping[str, str], name: str, kind: str) -> Any:
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


def make_part(registry: Mapping[str, str], name: str, kind: str, port: type) -> Any:
    """Import what `name` stands for and make one that is told nothing.

    Args:
        registry: Short name -> `module:Class`.
        name: A short name, or `module:Class`.
        kind: What is being chosen, for the error message.
        port: The protocol that it must meet.

    Raises:
        SetupError: The name is unknown, or stands for something that is no class or does not meet the protocol.
    """
    part = load_part(registry, name, kind)
    if not isinstance(part, type):
        raise SetupError(f"{kind} {name!r} is no class; known: {', '.join(sorted(registry))}, or module:Class")
    try:
        made = part()
    except TypeError as error:
        raise SetupError(f"{kind} {name!r} cannot be made without being told more: {error}") from error
    lacking = [item for item in _members_of(port) if getattr_static(made, item, _ABSENT) is _ABSENT]
    if lacking:
        raise SetupError(
            f"{kind} {name!r} lacks {', '.join(lacking)}: it is no {port.__name__} ({port.__module__}); "
            f"known: {', '.join(sorted(registry))}"
        )
    return made


_ABSENT = object()


def _members_of(port: type) -> list[str]:
    """Return what a protocol asks for; whether it is there is looked up unasked: a version may hash all weights."""
    return sorted({*port.__annotations__, *(item for item in vars(port) if not item.startswith("_"))})


def build_part(registry: Mapping[str, str], name: str, kind: str, port: type) -> Any:
    """Import what `name` stands for and make one; what stands behind a known name and a colon is handed to it.

    Args:
        registry: Short name -> `module:Class`.
        name: A short name, alone or with what it is told, or `module:Class`.
        kind: What is being chosen, for the error message.
        port: The protocol that it must meet.

    Raises:
        SetupError: As `make_part`, or it needs to be told something.
    """
    short, _, told = name.partition(":")
    if short not in registry:
        return make_part(registry, name, kind, port)
    part = load_part(registry, short, kind)
    if told:
        return part(told)
    try:
        return part()
    except TypeError as error:
        raise SetupError(f"{kind} {short!r} needs to be told which model: {short}:NAME") from error
