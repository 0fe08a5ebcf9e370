"""The limits of a goal that a chat model read: a model may lower what a run spends, never raise it on its own."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import count_noun
from atlantis_core.records.run_spec import DEFAULT_ROUNDS
from atlantis_core.run.drafting import DEFAULT_IMAGES

if TYPE_CHECKING:
    from atlantis_core.records import Budget

_SEPARATORS = str.maketrans("", "", ".,'\u00a0\u202f ")


@dataclass(frozen=True, slots=True)
class StatedLimits:
    """What a person allows, as a chat model read it; None for what was not said.

    No images at all (0) is a matter of remedies, not of the budget.
    """

    images: int | None = None
    usd: float | None = None
    rounds: int | None = None


def apply_limits(budget: Budget, stated: StatedLimits, text: str, *, is_approved: bool) -> tuple[Budget, list[str]]:
    """Return the budget with stated limits, and a line about each; what is set already stays.

    Where nobody approves, a limit counts if its number is written in the words in digits of any script, or if it
    allows less than what holds without it. All others are reported and ignored.

    Args:
        budget: From options, and limits that the rules read.
        stated: By the model.
        text: The person's words.
        is_approved: Whether a person approves each protocol, with its number of images, before it is spent.
    """
    usual = {"images": DEFAULT_IMAGES, "usd": 0.0, "rounds": budget.rounds}
    is_open = {"images": budget.images is None, "usd": budget.usd is None}
    is_open["rounds"] = budget.rounds == DEFAULT_ROUNDS
    taken: dict[str, Any] = {}
    lines: list[str] = []
    for name, value in asdict(stated).items():
        if not value or not is_open[name] or value == getattr(budget, name):
            continue
        words = f"${value:g}" if name == "usd" else count_noun(value, name.removesuffix("s"))
        if is_approved or value < usual[name] or value in list_numbers(text):
            taken[name] = value
            lines.append(f"limit read from the goal's words: {words} (options such as --budget-images override it)")
        else:
            lines.append(
                f"the goal may allow {words}, but no such number is written in it: give it in digits or as an option"
            )
    return replace(budget, **taken), lines


def list_numbers(text: str) -> set[float]:
    """Return the numbers that a text contains in digits of any script; `1.000`, `1,000` and `1 000` are 1000 too."""
    plain = "".join(str(unicodedata.digit(one)) if one.isdigit() else one for one in text)
    found: set[float] = set()
    for written in re.findall(r"\d+(?:[.,'\u00a0\u202f ]\d+)*", plain):
        found.add(float(written.translate(_SEPARATORS)))
        found |= {float(part) for part in re.findall(r"\d+", written)}
        if re.fullmatch(r"\d+[.,]\d+", written):
            found.add(float(written.replace(",", ".")))
    return found
