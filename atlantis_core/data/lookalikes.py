"""Class names that differ in spelling only: `0` and `0.0`, `Cat` and `cat`, composed and decomposed accents."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from atlantis_core.base.text import LONGEST_VALUE

_TRUTH = {"true": "1", "false": "0"}
_SEPARATORS = re.compile(r"[\s_-]+")
_INVISIBLE = re.compile("[\u200c\u200d\ufe00-\ufe0f\u034f\u115f\u1160\u3164\u2800\U000e0100-\U000e01ef]")
"""Variation selectors and fillers, which are letters or marks by category and show nothing."""
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:([ _,'\u2019])\d{3})(?:\1\d{3})*")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_EXPONENT = re.compile(r"[+-]?\d+(?:\.\d+)?e[+-]?\d{1,2}")
_NUMBER = re.compile(r"([+-]?)0*(\d+?)(?:\.(\d*?)0*)?")
"""Sign, whole and fraction without the zeros that say nothing; as text, so that ids of 20 digits stay different."""


def look_alike_key(name: str) -> str:
    """Return a form that is equal for names that look alike.

    Ignored are case, accents' encoding, invisible characters, quotes around the name, spaces, `_` and `-` between
    words, and how a number (`7`, `07`, `7.0`; `1,000`, `1_000`, `1e3`) or a truth value (`true`, `1`) is written.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    visible = "".join(
        letter for letter in text if unicodedata.category(letter) not in {"Cf", "Cc"} or letter.isspace()
    )
    bare = _plain_number(_INVISIBLE.sub("", visible).strip().strip("\"'").strip())
    if number := _NUMBER.fullmatch(bare):
        sign, whole, fraction = number.groups("")
        return f"{sign.replace('+', '')}{whole}{'.' if fraction else ''}{fraction}"
    if bare in _TRUTH:
        return _TRUTH[bare]
    # Next to digits a separator says where a number ends: `1-2` is not 12.
    gap = " " if any(letter.isdigit() for letter in bare) else ""
    return _SEPARATORS.sub(gap, unicodedata.normalize("NFKC", bare)).strip() or bare


def _plain_number(text: str) -> str:
    """Return a number without marks between thousands, with a decimal point, and without an exponent."""
    if _THOUSANDS.fullmatch(text):
        return re.sub(r"[^\d+-]", "", text)
    if _DECIMAL_COMMA.fullmatch(text):
        return text.replace(",", ".")
    return format(Decimal(text), "f") if _EXPONENT.fullmatch(text) else text


def find_lookalikes(names: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return name -> the known name that it is another spelling of, sorted; exact matches are no look-alikes.

    Where known names look alike among themselves (`a` and `A`), spelling tells them apart, so they match none.
    """
    exact = set(known)
    by_key: dict[str, list[str]] = defaultdict(list)
    for name in exact:
        by_key[look_alike_key(name)].append(name)
    spelled = ((name, by_key.get(look_alike_key(name), [])) for name in sorted(set(names) - exact))
    return {name: like[0] for name, like in spelled if len(like) == 1}


def describe_lookalikes(found: dict[str, str], most: int = 3) -> str:
    """Show look-alikes side by side, the first few: `'0.0' and '0', '1.0' and '1' (5 in all)`."""
    pairs = [f"{quote_label(name)} and {quote_label(like)}" for name, like in list(found.items())[:most]]
    return ", ".join(pairs) + (f" ({len(found)} in all)" if len(found) > most else "")


def quote_label(text: str) -> str:
    """Return a label quoted; characters that cannot be seen or told apart are escaped."""
    decomposed = unicodedata.normalize("NFC", text) != text
    odd = decomposed or not text.isprintable() or bool(_INVISIBLE.search(text))
    return (ascii(text) if odd else repr(text))[:LONGEST_VALUE]
