"""Names of class folders that other libraries and file systems take as they are.

torchvision reads the class from the folder. `datasets` takes a folder whose name has the word `test` or `val` for a
split, so such a class must not give its folder its name.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable

_PLAIN = re.compile(r"[^\W_](?:[\w ,()&+'-]*[\w)+'])?")
_MOST_BYTES = 200
_SPLIT_WORDS = frozenset(
    ["train", "training", "test", "testing", "eval", "evaluation", "validation", "valid", "val", "dev"]
)
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)
"""Names that Windows gives to devices."""


def name_class_folders(labels: Iterable[str]) -> dict[str, str]:
    """Return class -> folder name: the class itself, or `class-` and 12 hex digits if that cannot be one.

    Different classes get different folders, on file systems that ignore case too.
    """
    classes = sorted(set(labels))
    spelled = Counter(label.casefold() for label in classes)
    return {
        label: label if spelled[label.casefold()] == 1 and _is_folder_name(label) else _encode(label)
        for label in classes
    }


def _is_folder_name(label: str) -> bool:
    words = set(_NOT_LETTERS.split(label.casefold()))
    return (
        bool(_PLAIN.fullmatch(label))
        and not _DEVICES.fullmatch(label)
        and not words & _SPLIT_WORDS
        and len(label.encode()) <= _MOST_BYTES
    )


def _encode(label: str) -> str:
    return f"class-{hashlib.sha256(label.encode()).hexdigest()[:12]}"
