"""What a judged round changed: the cells that moved most, and new confusions. Rolled-back rounds teach the most."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import count_noun
from atlantis_core.base.serialization import as_json
from atlantis_core.base.text import quote
from atlantis_core.metrics.paired_outcomes import pair_outcomes
from atlantis_core.records import RoundMoves
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import find_arm_outcomes, load_outcomes
from atlantis_core.run.models import split_model
from atlantis_core.run.round import read_judged_arms
from atlantis_core.statistics.moves import find_moved_cells, find_new_confusions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.metrics.paired_outcomes import PairedOutcomes
    from atlantis_core.records import Arms, Cell, MovedCell, NewConfusion
    from atlantis_core.run.round import JudgedRound
    from atlantis_core.run.session import Session

MOST_CELLS = 4
"""Risen and fallen classes and facet values that are listed, each; half as many crossings."""
MOST_CONFUSIONS = 3
_NAME = 60


def write_moves(session: Session, round_index: int, arms: Arms) -> None:
    """Store what the candidate of a round changed, where it has one; `arms` are those that it was judged with.

    Later the models are known, but the figures may not be: facets found since change the task.
    """
    if arms["candidate"] == arms["incumbent"]:
        return
    before, after = (load_outcomes(session, arms[name]) for name in ("incumbent", "candidate"))
    if (paired := pair_outcomes(before, after)) is not None:
        moves = sum_moves(session, paired, by_class=_may_name_classes(session))
        moves = replace(moves, incumbent=tuple(arms["incumbent"]), candidate=tuple(arms["candidate"]))
        session.write(round_index, JournalKind.MOVES, moves)


def read_moves(session: Session, judged: JudgedRound) -> RoundMoves | None:
    """Return what a judged round changed; None if it had no candidate of its own, or if nothing is stored.

    A round of an earlier version is compared from its stored outcomes. No model is loaded and no pool is read.
    """
    if judged.moves is not None:
        return judged.moves
    arms = read_judged_arms(session, judged)
    if arms is None or (session.spec.pool and any(split_model(model)[1] for arm in arms for model in arm)):
        return None
    before, after = (find_arm_outcomes(session, models) for models in arms)
    paired = pair_outcomes(before, after) if before and after else None
    return sum_moves(session, paired, by_class=_may_name_classes(session)) if paired else None


def _may_name_classes(session: Session) -> bool:
    """Whether agents may learn the classes of the queries: not in the regime `unseen`, where none may be targeted."""
    return session.spec.regime != "unseen"


def sum_moves(session: Session, paired: PairedOutcomes, *, by_class: bool) -> RoundMoves:
    """Sum paired outcomes up; without `by_class` no class is named."""
    images = {image.id: image for image in session.task.queries}
    change = paired.change.sum(axis=0)
    return RoundMoves(
        seeds=len(paired.seeds),
        queries=len(paired.ids),
        won=int((change > 0).sum()),
        lost=int((change < 0).sum()),
        cells=find_moved_cells(paired, images, MOST_CELLS, by_class=by_class),
        confusions=find_new_confusions(paired, images, MOST_CONFUSIONS) if by_class else (),
    )


def describe_moves(moves: RoundMoves | None, most: int = MOST_CELLS) -> list[str]:
    """Return up to four short statements: won and lost, what rose, what fell, new confusions; names are quoted.

    In each direction at most `most` classes and facet values are named and half as many crossings, and at most `most`
    confusions. None, of a round without a comparison, gives no statement.
    """
    if moves is None:
        return []
    seeds = count_noun(moves.seeds, "seed")
    rose, fell = (_choose([one for one in moves.cells if sign * one.gain > 0], most) for sign in (1, -1))
    lines = [f"of {moves.queries} queries {moves.won} were won and {moves.lost} lost ({seeds})"]
    lines += [f"R@1 rose most: {_describe_cells(rose, moves.seeds)}"] if rose else []
    lines += [f"R@1 fell most: {_describe_cells(fell, moves.seeds)}"] if fell else []
    if not rose and not fell:
        lines.append("no class or facet value moved clearly")
    confused = [
        f"{quote(one.returned, _NAME)} first for {one.after:.1f} of {one.queries} queries of "
        f"{quote(one.class_name, _NAME)} (before {one.before:.1f}, {one.agreeing} of {seeds})"
        for one in moves.confusions[:most]
    ]
    return lines + ([f"new confusions: {', '.join(confused)}"] if confused else [])


def _choose(cells: Sequence[MovedCell], most: int) -> list[MovedCell]:
    """Return the first main effects, then half as many crossings."""
    crossings = [one for one in cells if one.cell.class_name and one.cell.facet]
    return [*[one for one in cells if one not in crossings][:most], *crossings[: most // 2]]


def _describe_cells(cells: Sequence[MovedCell], seeds: int) -> str:
    return ", ".join(
        f"{name_cell(one.cell)} {one.before:.2f} -> {one.after:.2f} ({count_noun(one.queries, 'query', 'queries')}, "
        f"{one.agreeing} of {count_noun(seeds, 'seed')})"
        for one in cells
    )


def moves_facts(moves: RoundMoves) -> dict[str, Any]:
    """Return what a round changed as `atlantis report --json` prints it."""
    return {
        "seeds": moves.seeds,
        "queries": moves.queries,
        "won": moves.won,
        "lost": moves.lost,
        "cells": [cell_facts(one) for one in moves.cells],
        "confusions": [confusion_facts(one) for one in moves.confusions],
    }


def cell_facts(moved: MovedCell) -> dict[str, Any]:
    """Return a cell before and after as JSON."""
    cell = moved.cell
    figures: dict[str, Any] = as_json(moved)
    del figures["cell"]
    return {"class": cell.class_name, "facet": cell.facet, "value": cell.value} | figures | {"gain": moved.gain}


def confusion_facts(confusion: NewConfusion) -> dict[str, Any]:
    """Return a new confusion as JSON."""
    figures: dict[str, Any] = as_json(confusion)
    return {"class": figures.pop("class_name")} | figures


def name_cell(cell: Cell) -> str:
    """Return a cell's class, facet value or both, quoted."""
    parts = (cell.class_name, f"{cell.facet}={cell.value}" if cell.facet else "")
    return " at ".join(quote(part, _NAME) for part in parts if part)
