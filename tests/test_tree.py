"""The tree of docs/architecture.md names what is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TREE = (ROOT / "docs" / "architecture.md").read_text().split("```")[1].strip("\n").splitlines()


def rooms() -> dict[str, str]:
    """Return each room of the tree with its line."""
    found: dict[str, str] = {}
    parents: list[str] = []
    for line in TREE:
        if match := re.match(r"( *)([\w./]+)/ +(.*)", line):
            parents = [*parents[: len(match[1]) // 2], match[2]]
            found["/".join(parents)] = match[3]
        else:
            found["/".join(parents)] += " " + line.strip()
    return found


def test_every_room_has_its_line() -> None:
    own = {"atlantis_core", "interface", "agents", "tools", "graph", "prompts"}
    folders = {path.parent.relative_to(ROOT).as_posix() for top in own for path in (ROOT / top).rglob("__init__.py")}
    inner = ("atlantis_core/harbor/training", "atlantis_core/generation/")
    assert folders - set(rooms()) == {folder for folder in folders if folder.startswith(inner)}
    assert [room for room in rooms() if not (ROOT / room).is_dir()] == []


def test_every_file_it_names_exists() -> None:
    missing = []
    for room, line in rooms().items():
        listed = line.rpartition(": ")[2] if ": " in line else ""
        for name in re.split(r"[,;] ", re.sub(r" \([^)]*\)", "", listed)):
            place = ROOT / room / name.strip()
            if re.fullmatch(r"\w+", name.strip()) and not (place.is_dir() or place.with_suffix(".py").is_file()):
                missing.append(f"{room}/{name}")
    assert missing == []
