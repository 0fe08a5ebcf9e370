"""Parts of a recipe with settings of their own: `hyperbolic:c=0.1,clip_radius=2.3` is a name and typed options.

The options of a part are the fields of its frozen dataclass: their defaults stand there, their types are checked
here, and their ranges in its `__post_init__`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from atlantis_core.base.errors import SetupError
from atlantis_core.base.registry import load_part, make_part


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
    return make_from_options(
        load_part(registry, name, kind), _parse_pairs(told, f"{kind} {name!r}"), f"{kind} {name!r}"
    )


def make_from_options(part: type[Any], given: Mapping[str, Any], what: str) -> Any:
    """Make a part from options, as texts or as plain JSON values.

    Raises:
        SetupError: No such option, or a value that it cannot have.
    """
    kinds, known = get_type_hints(part), {item.name: item.default for item in fields(part)}
    for option in given:
        if option not in known:
            usual = ", ".join(f"{name}={value}" for name, value in known.items()) or "none"
            raise SetupError(f"{what} has no option {option!r}; its options, as they are by default: {usual}")
    return part(
        **{option: convert_value(kinds[option], value, f"{what}: {option}") for option, value in given.items()}
    )


_KINDS = {int: "a whole number", float: "a number", str: "a text"}


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


def _format_number(number: float) -> str:
    """Return a number as people write it: no exponent, thousands divided."""
    return f"{number:,.6f}".rstrip("0").rstrip(".")


def _parse_pairs(told: str, what: str) -> dict[str, str]:
    """Cut `a=1,b=2` into its pairs."""
    pairs: dict[str, str] = {}
    for item in filter(None, told.split(",")):
        option, equals, value = item.partition("=")
        if not equals or option.strip() in pairs:
            raise SetupError(f"{what} takes options as name=value, each once and divided by commas, not {told!r}")
        pairs[option.strip()] = value.strip()
    return pairs


def convert_value(kind: type[Any], value: Any, what: str) -> Any:
    """Return a text or a plain value as the type of its field; `true` and `false` are the two truths.

    Raises:
        SetupError: It is none of that type, or not finite.
    """
    if kind is bool and not isinstance(value, bool):
        if str(value).lower() not in {"true", "false"}:
            raise SetupError(f"{what} is true or false, not {value!r}")
        return str(value).lower() == "true"
    try:
        typed = kind(value)
    except (TypeError, ValueError) as error:
        raise SetupError(f"{what} is {_KINDS.get(kind, kind.__name__)}, not {value!r}") from error
    if isinstance(typed, float) and not math.isfinite(typed):
        raise SetupError(f"{what} is a finite number, not {value!r}")
    return typed
