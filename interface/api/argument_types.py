"""Checks the arguments of the Python functions against their annotations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, wraps
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar, get_type_hints

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_one_line

Where = str | Path
Choice = tuple[str, str]
"""A metadata column and its value."""

Given = ParamSpec("Given")
Found = TypeVar("Found")


def checked(function: Callable[Given, Found]) -> Callable[Given, Found]:
    """Let a function raise `SetupError` for arguments that its annotations do not allow.

    Nothing is converted: `True` and `"3"` are not numbers, and a text is not a list of letters.
    """

    @wraps(function)
    def guarded(*args: Given.args, **kwargs: Given.kwargs) -> Found:
        from pydantic import ValidationError

        for name, value in signature(function).bind(*args, **kwargs).arguments.items():
            kind, validate = _validators(function)[name]
            try:
                validate(_as_list_or_dict(value), strict=True)
            except ValidationError as error:
                raise SetupError(f"{function.__name__}: {name} takes {kind}, not {to_one_line(value)}") from error
        return function(*args, **kwargs)

    return guarded


def as_folder(named: Where | None) -> Path | None:
    """Return a folder as a path."""
    return None if named is None else Path(named)


@cache
def _validators(function: Callable[..., Any]) -> dict[str, tuple[str, Callable[..., Any]]]:
    """Return the name of each argument's type, without modules, and its validator."""
    from pydantic import TypeAdapter

    # return types are often imported for type checkers only, so they cannot be resolved here
    texts = SimpleNamespace(__annotations__={k: v for k, v in function.__annotations__.items() if k != "return"})
    kinds = get_type_hints(texts, function.__globals__).items()
    named = {name: kind.__name__ if isinstance(kind, type) else str(kind) for name, kind in kinds}
    return {name: (re.sub(r"\w+\.", "", named[name]), TypeAdapter(kind).validate_python) for name, kind in kinds}


def _as_list_or_dict(value: Any) -> Any:
    """Return a range as a list and a mapping as a dict, since strict pydantic accepts no other."""
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, range) else value
