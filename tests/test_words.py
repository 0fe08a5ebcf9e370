"""The words of house and field: `docs/glossary.md` says what is used, this list what is not."""

from __future__ import annotations

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

IDENTIFIERS = re.compile(
    r"(?:^|_)(?:pictures?|trunks?|purses?|fleets?|told|standings?|heeds?|mend|mended|unsaid|receipts?)(?:_|$)",
    re.IGNORECASE,
)
"""Parts of names."""
ALLOWED_IDENTIFIERS = {"lr_trunk", "pictures", "receipt"}
"""`lr_trunk` is a setting that people type; the others are fields of records in files of earlier versions."""

STORED = re.compile(
    r"^\"(?:first answers|receipts|trunk\.?)\"$|\btrunk\.\{name\}|\.pictures\}|'pictures'|`pictures`|\"pictures\""
)
"""Keys of JSON, tables and state dicts that were written by earlier versions."""


TEXT = {
    "image": r"\bpictures?\b(?!/)",
    "backbone": r"(?<!lr_)\btrunks?\b",
    "budget, cost tracker": r"\bpurses?\b",
    "process group": r"\bfleets?\b",
    "has no effect": r"\bin vain\b|\bidle settings?\b",
    "report, say, given": r"\btold\b(?! apart)",
    "status, rank counters": r"\bstandings?\b",
    "respect": r"\bheed(?:s|ed)?\b",
    "fix": r"\bmend(?:s|ed|ing)?\b",
    "override, turn": r"\bturn(?:s|ed)? round\b",
    "in the embedding space": r"\bin the eyes of\b|\bits own eyes\b|'s eyes\b|\bwhose eyes\b",
    "synthetic or generated image": r"\bmade images?\b",
    "content hash": r"\bcontent address",
    "positive": r"\bpartners?\b",
    "top-1": r"\bfirst answers?\b",
    "cache entry": r"\breceipts?\b",
    "is not valid, is not a": r"(?<!there )\bis no (?!(?:more|longer|less|better|worse|such|need|way)\b)\w+",
    "does not exist, is not one": r"(?<!there )(?<!value )\bis none\b(?! of\b)|\bof which there (?:is|are) no",
    "atomically": r"\bwhole or not at all\b",
}
"""What is written instead -> pattern, for what people or models read: comments, strings, prompts, pages, docs."""

CASES = {
    word: re.compile(pattern, 0 if word.startswith("does not") else re.IGNORECASE) for word, pattern in TEXT.items()
}


WORDS_OF_PEOPLE = {
    "agents/rules/host.py",
    "atlantis_core/base/amounts.py",
    "atlantis_core/harbor/training/painter/curriculum.py",
    "atlantis_core/run/goals/clauses.py",
    "atlantis_core/run/goals/reading.py",
    "atlantis_core/run/goals/selectors.py",
    "atlantis_core/run/goals/words.py",
    "bench/goal_cases.py",
}
"""Files with words that a person may use in a goal or a chat (`mend`, `picture`), and the painter's captions."""


@cache
def texts_of(path: Path) -> tuple[tuple[int, str], ...]:
    """Return (line, text) of what is read: comments and strings of Python, every line of other files."""
    return tuple(_read_texts(path))


def _read_texts(path: Path) -> Iterator[tuple[int, str]]:
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        lines = enumerate(source.splitlines(), start=1)
        yield from ((number, line) for number, line in lines if "name in addresses of version 0.1" not in line)
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield from enumerate(STORED.sub("", token.string).splitlines(), start=token.start[0])


def names_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of the identifiers of a Python file."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string


def listed(*patterns: str) -> list[Path]:
    found = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, check=True)
    names = [name for name in found.stdout.decode().split("\0") if name]
    return [
        ROOT / name
        for name in names
        if not name.startswith(("tests/", "docs/decisions/", "atlantis_core/harbor/weights/"))
    ]


READ = listed("*.py", "*.md", "*.html", "*.js", "*.css", "Makefile", ":!CHANGELOG.md", ":!LICENSE")


@pytest.mark.parametrize("instead", TEXT)
def test_text_uses_the_words_of_the_field(instead: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}: {match[0]}"
        for path in READ
        if instead not in {"fix", "image"} or path.relative_to(ROOT).as_posix() not in WORDS_OF_PEOPLE
        for line, text in texts_of(path)
        for match in CASES[instead].finditer(text)
    ]
    assert found == [], f"write {instead!r} instead"


def test_names_use_the_words_of_the_field() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in READ
        if path.suffix == ".py"
        for line, name in names_of(path)
        if name not in ALLOWED_IDENTIFIERS and IDENTIFIERS.search(name)
    }
    assert sorted(found) == []
