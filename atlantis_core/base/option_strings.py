"""Names with options in one string: `full?steps=300&lr_head=1e-3`, `triplet:margin=0.1`.

The same function parses `NAME?option=value&...` and `name:option=value,...`; the second form can be a value in the
first. The options and their types are the fields of a dataclass; its `__post_init__` checks ranges.
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
    """Split `NAME?a=1&b=2` or `name:a=1,b=2` into the name and its options, as strings.

    `kind` names the kind of the object in error messages (`"loss"`). With `decode`, `+` and `%20` in values are
    decoded as in URLs, for free text such as prompts.

    Raises:
        SetupError: An item is not `option=value`, or an option is set twice.
    """
    name, _, options = text.partition(sign)
    pairs: dict[str, str] = {}
    for item in filter(None, options.split(_DIVIDERS[sign])):
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
    """Convert options, given as strings or plain JSON values, to the types of a dataclass's fields.

    `what` names the owner of the options in error messages (`"loss 'triplet'"`).

    Raises:
        SetupError: An option is unknown, or its value has the wrong type.
    """
    kinds, defaults = get_type_hints(target), {field.name: field.default for field in fields(target)}
    for option in given:
        if option not in defaults:
            with_values = [f"{name}={value}" for name, value in defaults.items()]
            known = sorted(defaults) if MISSING in defaults.values() else with_values
            raise SetupError(f"{what} has no option {option!r}; known: {', '.join(known) or 'none'}")
    return {option: _convert(kinds[option], value, f"{what}: {option}") for option, value in given.items()}


def make_with(part: type[Any], given: Mapping[str, Any], what: str) -> Any:
    """Build a part from options, as strings or plain JSON values; errors as for `typed_options`."""
    return part(**typed_options(part, given, what))


def parse_part(registry: Mapping[str, str], text: str, kind: str, port: type) -> Any:
    """Build the part that a text names, with its options.

    The text is `name`, `name:option=value,...`, or `module:Class` of a part outside this repository, which must
    implement the protocol `port`. `kind` names the kind of part in error messages (`"loss"`).

    Raises:
        SetupError: The part or an option is unknown, a value is invalid, or the part does not implement `port`.
    """
    name, colon, given = text.partition(":")
    if name not in registry:
        return make_part(registry, text, kind, port)
    if colon and not given.strip(", "):  # it would be the same training with another content hash
        raise SetupError(f"{kind} {text!r} has no option behind its colon; write {name!r}")
    options = name_and_options(text, ":", kind)[1]
    return make_with(load_part(registry, name, kind), options, f"{kind} {name!r}")


def check_range(what: str, value: float, low: float, high: float = math.inf) -> None:
    """Check that low < value <= high; a `SetupError` if not."""
    if not low < value <= high:
        above = "" if math.isinf(high) else f" and at most {_format_number(high)}"
        raise SetupError(f"{what} must be above {_format_number(low)}{above}, not {value!r}")


def describe_range(low: float, high: float) -> str:
    """Describe low <= value <= high: "from 1 to 1,000,000", "at least 0.01", "above 0"."""
    if low == math.ulp(0.0):  # the least number above 0
        return "above 0" if math.isinf(high) else f"above 0 and at most {_format_number(high)}"
    return (
        f"at least {_format_number(low)}"
        if math.isinf(high)
        else f"from {_format_number(low)} to {_format_number(high)}"
    )


def _convert(kind: Any, value: Any, what: str) -> Any:
    """Convert a string or plain value to the type of its field; refuse one that is not finite."""
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
    """Format a number without exponent and with thousands separators."""
    return f"{number:,.6f}".rstrip("0").rstrip(".")
