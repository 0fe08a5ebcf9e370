"""Repair almost valid JSON in one pass."""

from __future__ import annotations

import json
import re

_CLOSERS = {"[": "]", "{": "}"}
_ENDS_OF = {'"': '"', "'": "'", "\u201c": '\u201d\u201c"', "\u2018": "\u2019'"}
"""Opening quote -> quotes that may close the string."""
_VALUE = r"""["'\u201c\u2018\[{\]}]|-?\d|(?:true|false|null|True|False|None)\b|$"""
_AFTER_STRING = re.compile(rf"""\s*[.;]?\s*(?:$|[\]}}:]|,[\s,]*(?:{_VALUE})|(?<=\n)\s*["'\u201c\u2018])""")
_BARE_WORD = re.compile(r"""[^,:\[\]{}"\u201c\n]+""")
_LITERALS = {"True": "true", "False": "false", "None": "null", "true": "true", "false": "false", "null": "null"}
_MAX_DEPTH = 100
"""Nesting depth; deeper items of a truncated reply are left out."""
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


def repair_json(text: str, start: int) -> tuple[str, int]:
    """Rewrite the list or object that begins at `start` as strict JSON.

    A quote ends a string only if a comma, colon or bracket follows that could belong to JSON, so that apostrophes and
    quoted words are kept. Missing commas, and full stops between items, are accepted. If the text is truncated, the
    unfinished item is left out and the brackets are closed.

    Args:
        text: The reply.
        start: Offset of `[` or `{`, in characters.

    Returns:
        The JSON, which may still be invalid (an object without values, say), and the offset after its end.
    """
    reader = _Reader(text, start)
    while reader.has_more():
        reader.step()
    return reader.written(), reader.at


class _Reader:
    """Reads one list or object and remembers how much of it is complete."""

    def __init__(self, text: str, start: int) -> None:
        self.at = start
        self._text = text
        self._parts: list[str] = []
        self._open: list[str] = []
        self._complete: tuple[int, str] = (0, "")
        """Number of complete parts, and the brackets that close them."""

    def has_more(self) -> bool:
        return self.at < len(self._text) and (bool(self._open) or not self._parts)

    def written(self) -> str:
        """Return the JSON; if a bracket is still open, only its complete part."""
        if not self._open:
            return "".join(self._parts)
        count, closing = self._complete
        return "".join(self._parts[:count]) + closing

    def step(self) -> None:
        letter = self._text[self.at]
        if letter in _CLOSERS:
            self._open_bracket(letter)
        elif letter in "]}":
            self.at += 1
            self._parts.append(self._open.pop())
            self._mark()
        elif letter in _ENDS_OF:
            self._read_string(_ENDS_OF[letter])
        elif letter.isspace() or letter in ",.;:":
            self.at += 1
            self._parts += [":"] if letter == ":" else []
        else:
            self._read_bare_word()

    def _open_bracket(self, bracket: str) -> None:
        is_value = self._add(bracket)
        self._open.append(_CLOSERS[bracket])
        self.at += 1
        if is_value or len(self._open) == 1:
            self._mark()

    def _read_string(self, ends: str) -> None:
        end = self._find_string_end(ends)
        if end < 0:
            self.at = len(self._text)
            return
        is_value = self._add(_to_json_string(self._text[self.at + 1 : end], ends))
        self.at = end + 1
        if is_value or self._open[-1] == "]":
            self._mark()

    def _find_string_end(self, ends: str) -> int:
        at = self.at + 1
        while at < len(self._text):
            letter = self._text[at]
            if letter == "\\":
                at += 1
            elif letter in ends and _AFTER_STRING.match(self._text, at + 1):
                return at
            at += 1
        return -1

    def _read_bare_word(self) -> None:
        found = _BARE_WORD.match(self._text, self.at)
        word = found.group().strip() if found else self._text[self.at]
        self.at = found.end() if found else self.at + 1
        is_value = self._add(_to_json_literal(word))
        if self.at < len(self._text) and (is_value or self._open[-1] == "]"):
            self._mark()

    def _add(self, part: str) -> bool:
        """Append an item, after a comma if needed; return whether it is the value of a key."""
        before = self._parts[-1] if self._parts else "["
        if before not in {"[", "{", ":"}:
            self._parts.append(",")
        self._parts.append(part)
        return before == ":"

    def _mark(self) -> None:
        if len(self._open) <= _MAX_DEPTH:
            self._complete = (len(self._parts), "".join(reversed(self._open)))


def _to_json_string(content: str, ends: str) -> str:
    r"""Return a string as JSON, with its escapes decoded if possible (also `\'`, which is not valid JSON)."""
    escaped = re.sub(r'(\\.)|"', lambda match: match.group(1) or '\\"', content, flags=re.DOTALL)
    if ends != '"':
        escaped = escaped.replace("\\'", "'")
    try:
        return json.dumps(json.loads(f'"{escaped}"', strict=False))
    except ValueError:
        return json.dumps(content)


def _to_json_literal(word: str) -> str:
    word = word.rstrip(". ;")
    if word in _LITERALS:
        return _LITERALS[word]
    return word if _NUMBER.fullmatch(word) else json.dumps(word)
