"""What the functions of Python are given, checked at the door by their annotations: see `library`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache, wraps
from inspect import signature
from pathlib import Path
from types import SimpleNamespace, UnionType
from typing import Any, ParamSpec, TypeVar, get_args, get_origin, get_type_hints

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_one_line

Where = str | Path
Choice = tuple[str, str]
"""A metadata column and the value that it must have."""

Given = ParamSpec("Given")
Found = TypeVar("Found")


def checked(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """Let a function of the library raise `SetupError` for what its annotations do not allow.

    Nothing is converted: `True` and `"3"` are no numbers, a text is no list of its letters.
    """

    @wraps(function)
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        for name, value in signature(function).bind(*args, **kwargs).arguments.items():
            kind = _annotations(function)[name]
            if not _suits(value, kind):
                raise SetupError(f"{function.__name__}: {name} takes {_named(kind)}, not {to_one_line(value)}")
        return function(*args, **kwargs)

    return guarded


def as_folder(named: Where | None) -> Path | None:
    """Return a folder that may be named by a text."""
    return None if named is None else Path(named)


@cache
def _annotations(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the arguments alone: what is returned is often imported for type checkers only."""
    texts = {name: text for name, text in function.__annotations__.items() if name != "return"}
    return get_type_hints(SimpleNamespace(__annotations__=texts), function.__globals__)


def _suits(value: Any, kind: Any) -> bool:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return any(_suits(value, one) for one in inner)
    if origin is tuple:
        return isinstance(value, tuple) and len(value) == len(inner) and all(map(_suits, value, inner))
    if origin is Sequence:
        return isinstance(value, Sequence) and not isinstance(value, str) and all(_suits(v, inner[0]) for v in value)
    if origin is Mapping:
        return isinstance(value, Mapping) and all(_suits(key, inner[0]) for key in value)
    if kind in (int, float):
        return isinstance(value, int | kind) and not isinstance(value, bool)
    return kind is Any or isinstance(value, kind)


def _named(kind: Any) -> str:
    """Return a type without the modules that its parts are from."""
    return re.sub(r"\w+\.", "", kind.__name__ if isinstance(kind, type) else str(kind))
