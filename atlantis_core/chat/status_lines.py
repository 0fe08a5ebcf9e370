"""Describes a run's data, budget, gaps, rounds, trials and protocol in sentences for the chat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import format_figure
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.records import Collection
from atlantis_core.run.drafting import USUAL_NUMBER
from atlantis_core.run.moved_cells import describe_moves, read_moves
from atlantis_core.run.round import read_judged_rounds, read_rounds
from atlantis_core.run.summary import summarise
from atlantis_core.run.verdicts import describe_overrides

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

_CELLS = 8
_NAMES = 12
_MOVED = 3


def describe_data(collection: Collection) -> list[str]:
    """Return the size, classes and facets of a collection; of the sealed test split only its size."""
    train, validation = (len(collection.of_split(split)) for split in ("train", "validation"))
    per_class = Counter(image.label for image in collection.of_split("train"))
    few = ", ".join(f"{name} {count}" for name, count in sorted(per_class.items(), key=lambda pair: pair[1])[:3])
    names = ", ".join(collection.classes[:_NAMES]) + (", ..." if len(collection.classes) > _NAMES else "")
    lines = [
        f"{collection.name}: {train} training images, {validation} validation queries, {collection.num_test} sealed "
        f"test images, {len(collection.classes)} classes ({names})",
        f"fewest training images: {few}",
    ]
    for facet, values in facet_value_lists(collection).items():
        counts = Counter(image.facets.get(facet) for image in collection.of_split("train"))
        lines.append(f"{facet}: " + ", ".join(f"{value} {counts[value]}" for value in values[:_NAMES]))
    return lines


def describe_budget(session: Session) -> list[str]:
    """Return what a run has spent, beside its limits."""
    budget, spent = session.spec.budget, session.workspace.ledger.spent(session.run_id)
    images = f"no limit; {USUAL_NUMBER}" if budget.images is None else f"of {budget.images}"
    dollars = "no limit" if budget.usd is None else f"of ${budget.usd:g}"
    judged = len(read_judged_rounds(session))
    return [
        f"images: {spent['images']:.0f} generated ({images}); dollars: ${spent['usd']:.2f} spent ({dollars}); "
        f"rounds: {judged} judged of at most {budget.rounds}; computing time: {spent['seconds']:.0f} s"
    ]


def describe_gaps(session: Session) -> list[str]:
    """Return the worst gaps of the newest diagnosis."""
    diagnosed = [(found.index, found.gaps) for found in read_rounds(session) if found.gaps is not None]
    if not diagnosed:
        return ["no gaps found yet: the run looks for them once its baseline is trained and measured"]
    index, gaps = diagnosed[-1]
    lines = [f"round {index} found {count_noun(len(gaps), 'gap')}; the worst:"]
    for gap in gaps[:_CELLS]:
        cell = (
            f"{gap.cell.class_name} at {gap.cell.facet}={gap.cell.value}" if gap.cell.facet else gap.cell.class_name
        )
        mistaken = f", mistaken for {gap.confused_with[0]}" if gap.confused_with else ""
        lines.append(
            f"{cell}: R@1 {gap.recall_at_1:.2f} over {count_noun(gap.queries, 'query', 'queries')}, "
            f"{count_noun(gap.support, 'training image')}, {gap.cause}{mistaken}"
        )
    return lines


def describe_rounds(session: Session) -> list[str]:
    """Return the outcome of each round."""
    rounds = summarise(session.workspace, session.run_id)["rounds"]
    judged = {found.index: found for found in read_judged_rounds(session)}
    moves = {index: read_moves(session, found) for index, found in judged.items()}
    return ["; ".join([_round(entry), *describe_moves(moves.get(entry["index"]), _MOVED)]) for entry in rounds] or [
        "no round has started yet"
    ]


def _round(entry: Mapping[str, Any]) -> str:
    images = entry["images"]
    counts = f"{count_noun(images['made'], 'image')} generated, {images['kept']} kept"
    if changed := describe_overrides(images):
        counts += f" ({changed})"
    if not entry["judged"]:
        return f"round {entry['index']}: not judged yet; {counts}"
    overall, targeted = entry["recall_at_1"], entry["gap_recall_at_1"]
    on_cells = f"{targeted['before']:.3f} -> {targeted['after']:.3f}" if targeted else "no query"
    return (
        f"round {entry['index']} was {'kept' if entry['kept'] else 'rolled back'}: {entry['reason']}; {counts}; R@1 "
        f"overall {overall['before']:.3f} -> {overall['after']:.3f}, on its cells {on_cells}"
    )


def describe_trials(session: Session) -> list[str]:
    """Return the validation figures of the models trained so far."""
    summary = summarise(session.workspace, session.run_id)
    named = {"frozen backbone": "frozen", "baseline (real images only)": "baseline", "final model so far": "final"}
    figures = {name: summary[key] for name, key in named.items() if summary[key]}
    return [
        f"{name}: R@1 {format_figure(found['recall_at']['1'])}, MAP@R {format_figure(found['map_at_r'])} over "
        f"{found['queries']} queries"
        for name, found in figures.items()
    ] or ["no model has been trained and measured yet"]


def describe_protocol(session: Session) -> list[str]:
    """Return the objective, reason and cells of the newest protocol."""
    drafted = [found.protocol for found in read_rounds(session) if found.protocol is not None]
    if not drafted:
        return ["no protocol has been drafted yet"]
    protocol = drafted[-1]
    lines = [
        f"round {protocol.round}: {count_noun(protocol.num_images, 'image')}; {protocol.objective}; {protocol.reason}"
    ]
    for one in protocol.cells[:_CELLS]:
        where = f" at {one.cell.facet}={one.cell.value}" if one.cell.facet else ""
        lines.append(f"{one.count} for {one.cell.class_name}{where}" + (f": {one.prompts[0]}" if one.prompts else ""))
    return lines
