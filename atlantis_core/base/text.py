"""Cleaning of text that came from outside: folder names, file names, metadata columns and values.

Such text ends up in prompts, on terminals and in HTML. It is data, whatever it says; cleaning takes away
what could make it act (control characters, text-direction overrides) or swamp the reader (length).
"""

from __future__ import annotations

import hashlib
import json
import unicodedata

LONGEST_LABEL = 120
"""Characters of a class name that are kept."""
LONGEST_VALUE = 80
"""Characters of a column name or a column value that are kept."""

# Control, surrogate and unassigned-private characters; format characters (Cf) go too, but for the two
# joiners that Persian, Indic scripts and emoji cannot be written without.
_DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co"})
_KEPT_FORMAT = frozenset({"\u200c", "\u200d"})


def clean_text(text: str, longest: int) -> str:
    """Return one line of harmless text: NFC, no control or direction characters, at most `longest` long.

    White space of any kind becomes single spaces. Text that is too long is cut and ends in `~` and 8 hex
    digits of the SHA-256 of the whole, so that two long names stay two.

    Args:
        text: Anything.
        longest: Most characters to return; at least 10.
    """
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    kept = "".join(letter for letter in spaced if _is_printable(letter)).strip()
    if len(kept) <= longest:
        return kept
    digest = hashlib.sha256(kept.encode()).hexdigest()[:8]
    return f"{kept[: longest - 9]}~{digest}"


def quote(text: str, longest: int | None = None) -> str:
    """Return text as one JSON string, cut to `longest` characters: data inside a sentence, whatever it says."""
    return json.dumps(text[:longest], ensure_ascii=False)


def to_one_line(value: object) -> str:
    """Return any value of Python as one short line for a message; of an array `repr` makes many."""
    return " ".join(repr(value).split())[:LONGEST_VALUE]


def _is_printable(letter: str) -> bool:
    return letter in _KEPT_FORMAT or unicodedata.category(letter) not in _DROPPED_CATEGORIES


def to_printable(path: str) -> str:
    """Return a path as text that can be printed and stored: bytes that are no UTF-8 become `\ufffd`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
