"""Options behind a name, in one string that can be written down: `full?steps=300&lr_head=1e-3`, `triplet:margin=0.1`.

`NAME?option=value&...` and `name:option=value,...` are read by the same function; the second can be a value of the
first. What options there are, and of which types, is what the fields of a dataclass say; ranges are checked in its
`__post_init__`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints
from urllib.parse import unquote_plus

from atlantis_core.base.errors import SetupError
from atlantis_core.base.registry import load_part, make_part

_DIVIDERS = {"?": "&", ":": ","}
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_KINDS = {int: "a whole number", float: "a number", str: "a text"}


def name_and_options(
    text: str, sign: Literal["?", ":"], kind: str, *, decode: bool = False
) -> tuple[str, dict[str, str]]:
    """Cut `NAME?a=1&b=2` or `name:a=1,b=2` into the name and its options, as texts.

    Args:
        text: As a person wrote it.
        sign: What stands between name and options.
        kind: What is named, for the error messages (`"loss"`).
        decode: Read `+` and `%20` in values as URLs do: for free texts such as prompts.

    Raises:
        SetupError: One is not `option=value`, or is set twice.
    """
    name, _, told = text.partition(sign)
    pairs: dict[str, str] = {}
    for item in filter(None, told.split(_DIVIDERS[sign])):
        option, equals, value = item.partition("=")
        option, value = option.strip(), unquote_plus(value) if decode else value.strip()
        if not equals:
            raise SetupError(
                f"{kind} {name!r} is changed by option=value, not {item!r}; divide several by {_DIVIDERS[sign]}"
            )
        if option in pairs:
            raise SetupError(f"{option} is set twice, to {pairs[option]!r} and {value!r}; leave one out")
        pairs[option] = value
    return name, pairs


def typed_options(target: type[Any], given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return options, as texts or plain JSON values, as the types of the fields that they are for.

    Args:
        target: A dataclass.
        given: Options by name.
        what: What has them, for the error messages (`"loss 'triplet'"`).

    Raises:
        SetupError: No such option, or a value that is not of its type.
    """
    kinds, usual = get_type_hints(target), {field.name: field.default for field in fields(target)}
    for option in given:
        if option not in usual:
            by_default = [f"{name}={value}" for name, value in usual.items()]
            known = sorted(usual) if MISSING in usual.values() else by_default
            raise SetupError(f"{what} has no option {option!r}; known: {', '.join(known) or 'none'}")
    return {option: _typed(kinds[option], value, f"{what}: {option}") for option, value in given.items()}


def make_with(part: type[Any], given: Mapping[str, Any], what: str) -> Any:
    """Make a part from options, as texts or as plain JSON values.

    Raises:
        SetupError: As `typed_options`, or a value out of its range.
    """
    return part(**typed_options(part, given, what))


def parse_part(registry: Mapping[str, str], text: str, kind: str, port: type) -> Any:
    """Return the part that a text names, made with the options behind its name.

    Args:
        registry: Short name -> `module:Class`.
        text: `name`, `name:option=value,...`, or `module:Class` of a part outside this repository.
        kind: What is being chosen, for the error messages (`"loss"`).
        port: The protocol that a part outside must meet.

    Raises:
        SetupError: No such part, no such option, a value that it cannot have, or a part that is none.
    """
    name, colon, told = text.partition(":")
    if name not in registry:
        return make_part(registry, text, kind, port)
    if colon and not told.strip(", "):  # it would be the same training under another address
        raise SetupError(f"{kind} {text!r} has no option behind its colon; write {name!r}")
    options = name_and_options(text, ":", kind)[1]
    return make_with(load_part(registry, name, kind), options, f"{kind} {name!r}")


def check_range(what: str, value: float, low: float, high: float = math.inf) -> None:
    """Check that low < value <= high.

    Raises:
        SetupError: It is not.
    """
    if not low < value <= high:
        above = "" if math.isinf(high) else f" and at most {_format_number(high)}"
        raise SetupError(f"{what} must be above {_format_number(low)}{above}, not {value!r}")


def describe_range(low: float, high: float) -> str:
    """Return the words for low <= value <= high: "from 1 to 1,000,000", "at least 0.01", "above 0"."""
    if low == math.ulp(0.0):  # the least number above 0
        return "above 0" if math.isinf(high) else f"above 0 and at most {_format_number(high)}"
    return (
        f"at least {_format_number(low)}"
        if math.isinf(high)
        else f"from {_format_number(low)} to {_format_number(high)}"
    )


def _typed(kind: Any, value: Any, what: str) -> Any:
    """Return a text or a plain value as the type of its field.

    Raises:
        SetupError: It is not of that type, or not finite.
    """
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise SetupError(f"{what} is {' or '.join(get_args(kind))}, not {value!r}")
        return value
    if kind is bool:
        if str(value).lower() not in _TRUTHS:
            raise SetupError(f"{what} is true or false, not {value!r}")
        return _TRUTHS[str(value).lower()]
    try:
        typed = kind(value)
    except (TypeError, ValueError) as error:
        raise SetupError(f"{what} is {_KINDS.get(kind, kind.__name__)}, not {value!r}") from error
    if isinstance(typed, float) and not math.isfinite(typed):
        raise SetupError(f"{what} is a finite number, not {value!r}")
    return typed


def _format_number(number: float) -> str:
    """Return a number as people write it: no exponent, thousands divided."""
    return f"{number:,.6f}".rstrip("0").rstrip(".")
