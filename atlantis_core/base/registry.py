"""Choosing a part by its name.

A registry maps names to `"module:Class"`. A part is imported when it is first used; `module:Class` is accepted in
place of a name, and that is the plugin system. A part takes its argument after a colon: `diffusion:FOLDER`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from inspect import getattr_static
from typing import Any

from atlantis_core.base.errors import SetupError


def load_part(registry: Mapping[str, str], name: str, kind: str) -> Any:
    """Import the object that `name` stands for.

    The name is a short one or `module:attribute`; `kind` names the kind of part in error messages (`"captioner"`).

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
    """Import the class that `name` stands for (see `load_part`) and build it without arguments.

    Raises:
        SetupError: The name is unknown, or the object is not a class or does not implement the protocol `port`.
    """
    part, known = load_part(registry, name, kind), ", ".join(sorted(registry))
    if not isinstance(part, type):
        raise SetupError(f"{kind} {name!r} is not a class; known: {known}, or module:Class")
    try:
        built = part()
    except TypeError as error:
        raise SetupError(f"{kind} {name!r} cannot be built without arguments: {error}") from error
    members = sorted({*port.__annotations__, *(item for item in vars(port) if not item.startswith("_"))})
    # Looked up statically: a property such as `version` may hash all weights.
    missing = [item for item in members if getattr_static(built, item, _ABSENT) is _ABSENT]
    if missing:
        raise SetupError(
            f"{kind} {name!r} has no {', '.join(missing)}: it does not implement {port.__name__} "
            f"({port.__module__}); known: {known}"
        )
    return built


_ABSENT = object()


def build_part(registry: Mapping[str, str], name: str, kind: str, port: type) -> Any:
    """Build a part like `make_part`; `short_name:ARGUMENT` passes the argument to a part of the registry.

    Raises:
        SetupError: As `make_part`, or the argument is missing.
    """
    short, _, argument = name.partition(":")
    if short not in registry:
        return make_part(registry, name, kind, port)
    part = load_part(registry, short, kind)
    if argument:
        return part(argument)
    try:
        return part()
    except TypeError as error:
        raise SetupError(f"{kind} {short!r} needs the name of a model: write {short}:NAME") from error
