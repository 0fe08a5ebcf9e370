"""Compare two answers of `--json` (a demo, a report, a trace) to the last digit, but for time and place.

`python bench/same_figures.py before.json after.json` prints every difference and exits 1 where there is one. Left out
are seconds, times of day, run and step ids, the collection's id (it holds the collection's path), and the folders of
paths. Content hashes of trials, protocols and images are compared: equal inputs must have equal ones.
`--ignore-hashes` leaves these out too.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VARYING = frozenset({"seconds", "demo_seconds", "took", "started", "ended", "created", "run_id", "collection_id"})
"""Keys whose values differ from one time or place to the next."""
_IN_TEXT = (
    (re.compile(r"\b\d{8}-[0-9a-f]{6}\b"), "<run>"),
    (re.compile(r"(?:/[\w.@-]+)+/(?=[\w.@-])"), "<folder>/"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:ms|s|min|h)\b"), "<time>"),
)
_HASH = re.compile(r"\b[0-9a-f]{12,64}\b")
_ABSENT = "(absent)"


def comparable(value: Any, ignore_hashes: bool = False) -> Any:
    """Return an answer without what time and place change.

    Args:
        value: Anything that JSON can be.
        ignore_hashes: Leave content hashes out too.
    """
    if isinstance(value, dict):
        return {
            _text(key, ignore_hashes): comparable(each, ignore_hashes)
            for key, each in value.items()
            if key not in VARYING and not (key == "id" and isinstance(each, int))
        }
    if isinstance(value, list):
        return [comparable(each, ignore_hashes) for each in value]
    return _text(value, ignore_hashes) if isinstance(value, str) else value


def _text(text: str, ignore_hashes: bool) -> str:
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return _HASH.sub("<hash>", text) if ignore_hashes else text


def differences(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """Yield a line for every place where two comparable answers differ: 1 and 1.0 do, and so do -0.0 and 0.0."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            yield from differences(before.get(key, _ABSENT), after.get(key, _ABSENT), f"{place}.{key}")
    elif isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            yield f"{place}: {len(before)} entries -> {len(after)}"
        for number, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from differences(one, other, f"{place}[{number}]")
    elif repr(before) != repr(after):
        yield f"{place}: {_short(before)} -> {_short(after)}"


def _short(value: Any) -> str:
    return repr(value) if len(repr(value)) <= 400 else f"{repr(value)[:400]}..."


def main() -> int:
    """Compare two files; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--ignore-hashes", action="store_true")
    given = parser.parse_args()
    read = (json.loads(path.read_text("utf-8")) for path in (given.before, given.after))
    before, after = (comparable(answer, given.ignore_hashes) for answer in read)
    found = sorted(differences(before, after))
    for line in found:
        print(line)
    print(f"{len(found)} differences" if found else "the same", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
