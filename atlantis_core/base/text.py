"""Cleaning of text that came from outside: folder names, file names, metadata columns and values.

Such text ends up in prompts, on terminals and in HTML. Cleaning removes what could make it act there (control
characters, text-direction overrides) and limits its length.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata

LONGEST_LABEL = 120
"""Characters kept of a class name."""
LONGEST_VALUE = 80
"""Characters kept of a column name or value."""

# Control, format, surrogate and private-use characters; the two joiners that Persian, Indic scripts and emoji need
# are kept.
_DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co"})
_KEPT_FORMAT = frozenset({"\u200c", "\u200d"})


def clean_text(text: str, longest: int) -> str:
    """Return one line of harmless text: NFC, no control or direction characters, single spaces.

    Text over `longest` characters (at least 10) is cut and ends in `~` and 8 hex digits of the SHA-256 of the full
    text, so that different long names stay different.
    """
    kept = " ".join(unicodedata.normalize("NFC", text).split())
    if not (kept.isascii() and kept.isprintable()):  # a quick look spares most texts the slow one
        kept = "".join(
            char for char in kept if char in _KEPT_FORMAT or unicodedata.category(char) not in _DROPPED_CATEGORIES
        ).strip()
    if len(kept) <= longest:
        return kept
    digest = hashlib.sha256(kept.encode()).hexdigest()[:8]
    return f"{kept[: longest - 9]}~{digest}"


def cut_sentence(text: str, longest: int) -> str:
    """Return one line of harmless text as `clean_text` does; a long one is cut after a word and ends in `...`."""
    kept = clean_text(text, max(longest, len(text)) + 1)
    return kept if len(kept) <= longest else f"{kept[: longest - 4].rsplit(' ', 1)[0]} ..."


def quote(text: str, longest: int | None = None) -> str:
    """Return text as a JSON string, cut to `longest` characters, so that it reads as data inside a sentence."""
    return json.dumps(text[:longest], ensure_ascii=False)


def format_figure(value: float | None, digits: int = 3) -> str:
    """Return a figure such as a Recall@K with its digits; `-` where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def to_one_line(value: object) -> str:
    """Return the `repr` of a value as one short line for a message."""
    return " ".join(repr(value).split())[:LONGEST_VALUE]


def to_printable(path: str) -> str:
    """Return a path as printable text: bytes that are not valid UTF-8 become `\ufffd`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
