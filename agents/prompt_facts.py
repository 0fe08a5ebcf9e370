"""Short descriptions of gaps, cells and judged rounds for a prompt; untrusted text is quoted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_core.base.ports import SCORERS
from atlantis_core.run.critique import count_survivors
from atlantis_core.run.moved_cells import describe_moves, read_moves
from atlantis_core.run.responses import LONGEST_WORDS, describe_drafted
from atlantis_dml.prompts import quoted

if TYPE_CHECKING:
    from atlantis_core.records import Cell, Gap, Response
    from atlantis_core.run.round import JudgedRound
    from atlantis_core.run.session import Session

_NAME = 60
_CELLS = 6
_MOST_ROUNDS, _MOST_MOVED, _MOVED_CELLS = 6, 2, 2

_SCORERS = {
    "margin": "rejects images that look more like another class",
    "centre_ratio": "rejects images far from the centre of their class",
    "isolation": "rejects images that an isolation forest separates soonest",
    "knn": "rejects images far from the nearest photos of their class",
    "lof": "rejects images in sparser regions than the photos of their class nearby",
    "risk": "keeps the set that helps held-out photos to be found, or nothing",
}


def describe_scorers() -> str:
    """Return the name of every outlier scorer, with what it rejects."""
    return ", ".join(f"{name} ({_SCORERS[name]})" if name in _SCORERS else name for name in sorted(SCORERS))


def describe_cell(cell: Cell) -> str:
    """Return a cell's class and facet value, quoted."""
    name = f"class {quoted(cell.class_name, _NAME)}" if cell.class_name else "every class"
    return f"{name} at {quoted(f'{cell.facet}={cell.value}', _NAME)}" if cell.facet else name


def describe_cells(cells: Sequence[Cell]) -> str:
    """Return the first cells, quoted, and the number of further ones; an empty string for no cells."""
    if not cells:
        return ""
    more = f" and {len(cells) - _CELLS} more" if len(cells) > _CELLS else ""
    return ", ".join(describe_cell(cell) for cell in cells[:_CELLS]) + more


def describe_gap(gap: Gap) -> str:
    """Return a gap's cell, figures and cause."""
    mistaken = ", ".join(quoted(name, _NAME) for name in gap.confused_with[:2])
    return (
        f"{describe_cell(gap.cell)}: R@1 {gap.recall_at_1:.2f} ({gap.low:.2f} to {gap.high:.2f}) over "
        f"{count_noun(gap.queries, 'query', 'queries')}, {count_noun(gap.support, 'training image')} (typically "
        f"{gap.typical_support:g}), {gap.cause}" + (f", mistaken for {mistaken}" if mistaken else "")
    )


def describe_responses(responses: Sequence[Response]) -> list[str]:
    """Return what a person said to earlier drafts of a round, oldest first, in a line each."""
    lines = []
    for response in responses:
        what, words = describe_drafted(response.protocol), quoted(response.words, LONGEST_WORDS)
        cells = describe_cells([request.cell for request in response.protocol.cells])
        if response.decision == "reject":
            said = f"rejected this draft: {what} ({cells}). Draft another one. Their reason: {words}"
        else:
            said = f"answered to this draft: {what} ({cells}). Draft it again to fit. Their words: {words}"
        lines.append(f"A person {said}")
    return lines


def summarise_rounds(rounds: Sequence[JudgedRound], session: Session) -> list[str]:
    """Return the newest judged rounds in a line each; of the last two also what moved most."""
    moved = {judged.index: read_moves(session, judged) for judged in rounds[-_MOST_MOVED:]}
    return [
        "; ".join([summarise_round(judged, session), *describe_moves(moved.get(judged.index), _MOVED_CELLS)])
        for judged in rounds[-_MOST_ROUNDS:]
    ]


def summarise_round(judged: JudgedRound, session: Session) -> str:
    """Return a judged round in one line: images, cells, the decision and the critic's advice."""
    protocol, decision, critique = judged.protocol, judged.decision, judged.critique
    generated, kept, _ = count_survivors(session, judged)
    values = sorted({f"{one.cell.facet}={one.cell.value}" for one in protocol.cells if one.cell.facet})
    where = count_noun(len(protocol.cells), "cell") + (f" at {quoted(', '.join(values[:4]), 120)}" if values else "")
    changes = critique.changes if critique else ()
    change = f"; critic: {quoted(' / '.join(changes[:3]), 480)}" if changes else ""
    return (
        f"round {judged.index}, {protocol.remedy}: {count_noun(generated, 'image')} for {where}, "
        f"{kept} kept by the filters; {'kept' if decision.kept else 'rolled back'}: {decision.reason}{change}"
    )
