"""Extract JSON and prompts from a chat model's reply; broken JSON is repaired."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from atlantis_core.base.text import clean_text
from atlantis_core.prompting.lenient_json import repair_json

LONGEST_PROMPT = 300
"""Longest prompt, in characters; longer ones are cut."""
_MAX_DEPTH = 6
"""Largest nesting of lists, objects and strings."""
_JSON_START = re.compile(
    r"""\[(?=\s*(?:["'\u201c\u2018\[{\]]|-?\d|(?:true|false|null|True|False|None)\b|$))|\{(?=\s*(?:["'\u201c\u2018}]|\w+\s*:|$))"""
)
_TEXT_FIELDS = ("prompt", "caption", "text", "description")
_LIST_ITEM = re.compile(r"^[ \t]*(?:\(?\d{1,3}[.):]|[-*\u2022\u2013])[ \t]+(\S.*)$", re.MULTILINE)
_QUOTED_LINE = re.compile(r"""["'\u201c\u2018](.+)["'\u201d\u2019][,.]*""")


def extract_json(text: str) -> Any:
    """Return the JSON list or object in a reply.

    Prose, code fences and quotes around it are ignored, and the longest of several is returned. Slightly broken JSON
    is repaired; of truncated JSON the complete items are kept.

    Args:
        text: A chat model's reply.

    Raises:
        ValueError: The text contains no JSON list or object.
    """
    return _extract_json(text, _MAX_DEPTH)


def extract_prompts(text_or_value: Any) -> list[str]:
    """Return the prompts in a reply, whatever its shape; empty if there are none.

    Accepted are lists of strings or of objects with one text each, an object with one list, a string with any of
    these (broken JSON is repaired), and numbered or bulleted lines. Each prompt is one clean line of at most 300
    characters.

    Args:
        text_or_value: A reply, or a value from its JSON.
    """
    return [
        prompt for text in _collect_texts(text_or_value, _MAX_DEPTH) if (prompt := clean_text(text, LONGEST_PROMPT))
    ]


def _extract_json(text: str, depth: int) -> Any:
    parsed = _parse_strict(text)
    if isinstance(parsed, list | dict):
        return parsed
    if isinstance(parsed, str) and depth > 0:
        return _extract_json(parsed, depth - 1)
    found = list(_iterate_values(text)) or list(_iterate_values(text.replace('\\"', '"')))
    if not found:
        raise ValueError(f"no JSON list or object in {clean_text(text, 80)!r}")
    return max(found, key=lambda pair: pair[1])[0]


def _iterate_values(text: str) -> Iterator[tuple[Any, int]]:
    """Yield each outermost list or object with its length in characters."""
    at = 0
    while match := _JSON_START.search(text, at):
        value, at = _parse_value(text, match.start())
        if isinstance(value, list | dict):
            yield value, at - match.start()


def _parse_value(text: str, start: int) -> tuple[Any, int]:
    try:
        return json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        written, end = repair_json(text, start)
    value = _parse_strict(written)
    return (value if value is not None else _parse_repaired(text[start:end])), end


def _parse_strict(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _parse_repaired(text: str) -> Any:
    import json_repair

    try:
        return json_repair.loads(text)
    except (ValueError, RecursionError):
        return None


def _collect_texts(value: Any, depth: int) -> list[str]:
    if depth < 0:
        return []
    if isinstance(value, str):
        return _collect_from_text(value, depth)
    if isinstance(value, Mapping):
        return _collect_from_object(value, depth)
    if isinstance(value, list | tuple):
        return [
            text for item in value for text in ([item] if isinstance(item, str) else _collect_texts(item, depth - 1))
        ]
    return []


def _collect_from_text(text: str, depth: int) -> list[str]:
    """Read JSON or listed lines, whichever gives more: prompts may contain brackets, and JSON dashes."""
    try:
        found = _collect_texts(extract_json(text), depth - 1)
    except ValueError:
        found = []
    lines = [_unquote(line) for line in _LIST_ITEM.findall(text)]
    return lines if len(lines) > len(found) else found


def _unquote(line: str) -> str:
    inner = _QUOTED_LINE.fullmatch(line.strip())
    return inner.group(1) if inner else line


def _collect_from_object(value: Mapping[Any, Any], depth: int) -> list[str]:
    lists = {str(key): item for key, item in value.items() if isinstance(item, list | tuple | Mapping) and item}
    if lists:
        named = [item for key, item in lists.items() if any(field in key.lower() for field in _TEXT_FIELDS)]
        chosen = list(lists.values()) if len(lists) == 1 else named
        return _collect_texts(chosen[0], depth - 1) if len(chosen) == 1 else []
    return _collect_from_fields(
        {str(key).lower(): item for key, item in value.items() if isinstance(item, str)}, depth
    )


def _collect_from_fields(fields: Mapping[str, str], depth: int) -> list[str]:
    if fields and all(re.fullmatch(r"(?:prompt|caption)?[ _]?\d+", key) for key in fields):
        return list(fields.values())
    named = [fields[key] for key in _TEXT_FIELDS if key in fields]
    chosen = named[:1] or (list(fields.values()) if len(fields) == 1 else [])
    return [inner for text in chosen for inner in _collect_texts(text, depth - 1) or [text]]
