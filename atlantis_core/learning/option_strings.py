"""Parse named parts with typed options, such as `hyperbolic:c=0.1,clip_radius=2.3`.

The options of a part are the fields of its frozen dataclass. It gives their defaults and checks their ranges in
`__post_init__`; their types are checked here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from atlantis_core.base.errors import SetupError
from atlantis_core.base.registry import load_part, make_part


def parse_part(registry: Mapping[str, str], text: str, kind: str, port: type) -> Any:
    """Create the part that a text names, with its options.

    Args:
        registry: Short name -> `module:Class`.
        text: `name`, `name:option=value,...`, or `module:Class` of an external part.
        kind: What the part is, for error messages (`"loss"`).
        port: The protocol that an external part must implement.

    Raises:
        SetupError: Unknown part or option, an invalid value, or an external part without the protocol's members.
    """
    name, colon, options = text.partition(":")
    if name not in registry:
        return make_part(registry, text, kind, port)
    if colon and not options.strip(", "):  # the same training would get a second content hash
        raise SetupError(f"{kind} {text!r} has no option after its colon; write {name!r}")
    return make_from_options(
        load_part(registry, name, kind), _parse_pairs(options, f"{kind} {name!r}"), f"{kind} {name!r}"
    )


def make_from_options(part: type[Any], given: Mapping[str, Any], what: str) -> Any:
    """Create a part from options, given as strings or JSON values.

    Raises:
        SetupError: Unknown option or invalid value.
    """
    kinds, known = get_type_hints(part), {item.name: item.default for item in fields(part)}
    for option in given:
        if option not in known:
            defaults = ", ".join(f"{name}={value}" for name, value in known.items()) or "none"
            raise SetupError(f"{what} has no option {option!r}; its options and their defaults: {defaults}")
    return part(
        **{option: convert_value(kinds[option], value, f"{what}: {option}") for option, value in given.items()}
    )


_TYPE_NAMES = {int: "a whole number", float: "a number", str: "text"}


def check_range(what: str, value: float, low: float, high: float = math.inf) -> None:
    """Raise `SetupError` unless low < value <= high."""
    if not low < value <= high:
        above = "" if math.isinf(high) else f" and at most {_format_number(high)}"
        raise SetupError(f"{what} must be above {_format_number(low)}{above}, not {value!r}")


def describe_range(low: float, high: float) -> str:
    """Describe low <= value <= high: "from 1 to 1,000,000", "at least 0.01", "above 0"."""
    if low == math.ulp(0.0):  # the smallest number above 0
        return "above 0" if math.isinf(high) else f"above 0 and at most {_format_number(high)}"
    return (
        f"at least {_format_number(low)}"
        if math.isinf(high)
        else f"from {_format_number(low)} to {_format_number(high)}"
    )


def _format_number(number: float) -> str:
    """Format a number without an exponent and with separated thousands."""
    return f"{number:,.6f}".rstrip("0").rstrip(".")


def _parse_pairs(options: str, what: str) -> dict[str, str]:
    """Parse `a=1,b=2`."""
    pairs: dict[str, str] = {}
    for item in filter(None, options.split(",")):
        option, equals, value = item.partition("=")
        if not equals or option.strip() in pairs:
            raise SetupError(f"{what}: write options as name=value, each once, separated by commas, not {options!r}")
        pairs[option.strip()] = value.strip()
    return pairs


def convert_value(kind: type[Any], value: Any, what: str) -> Any:
    """Convert a string or JSON value to the type of its field; booleans are written `true` and `false`.

    Raises:
        SetupError: The value does not have that type, or is not finite.
    """
    if kind is bool and not isinstance(value, bool):
        if str(value).lower() not in {"true", "false"}:
            raise SetupError(f"{what} must be true or false, not {value!r}")
        return str(value).lower() == "true"
    try:
        converted = kind(value)
    except (TypeError, ValueError) as error:
        raise SetupError(f"{what} must be {_TYPE_NAMES.get(kind, kind.__name__)}, not {value!r}") from error
    if isinstance(converted, float) and not math.isfinite(converted):
        raise SetupError(f"{what} must be a finite number, not {value!r}")
    return converted
