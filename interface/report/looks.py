"""What was looked at in a round: its contact sheets inside the page, each with what was seen on it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from atlantis_dml.text.figures import format_cell

if TYPE_CHECKING:
    from atlantis_core.run.session import Session


def build_looks(session: Session, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the looks of a round's summary, each with its sheet as a data URL (None if the file is gone)."""
    return [
        {**look, "image": _embed(session, look["file"]), "lines": list(map(_describe_tile, look["tiles"]))}
        for look in entry["looks"]
    ]


def write_looks(facts: Mapping[str, Any], escape: Callable[[str], str]) -> Iterator[str]:
    """List as Markdown what was looked at, round by round; `escape` makes text safe there."""
    for entry in facts["rounds"]:
        if not entry["looks"]:
            continue
        yield f"## Contact sheets of round {entry['index']}"
        yield "\n".join(
            f"- `{look['file']}`: {escape(look['title'] if look['status'] == 'drawn' else look['sentence'])}"
            + ("; the other images were not made" if look["has_stopped"] else "")
            for look in entry["looks"]
        )


def _describe_tile(tile: Mapping[str, Any]) -> str:
    """Return a tile in words: what it should show, and what was seen."""
    text = f"{tile['number']}: {format_cell(tile['cell'])}" + (f" ({tile['note']})" if tile["note"] else "")
    found = tile["finding"]
    if found is None:
        return text
    asked = f", condition {found['condition_shown']}" if tile["cell"]["facet"] else ""
    wrong = f"; {found['wrong']}" if found["wrong"] else ""
    return f"{text}: {found['shows'] or 'nothing said'}; class {found['class_shown']}{asked}{wrong}"


def _embed(session: Session, file: str) -> str | None:
    try:
        data = (session.workspace.folder / "runs" / session.run_id / file).read_bytes()
    except OSError:
        return None
    return "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
