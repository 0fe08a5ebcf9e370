"""What earlier rounds of a run came to, and what the drafter of the next one may know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import BudgetExceeded, ToolError
from atlantis_core.base.serialization import from_json
from atlantis_core.data.facets import facet_value_lists
from atlantis_core.records import Candidate, Cell, Gap
from atlantis_core.run.constraints import read_constraints
from atlantis_core.run.insight import Insight

if TYPE_CHECKING:
    from atlantis_core.run.session import Session


def collect_brief_facts(session: Session, round_index: int, max_images: int) -> dict[str, Any]:
    """Return what a drafter may know, as the fields of `tools.context.Brief`.

    Raises:
        BudgetExceeded: Not one image is left to make.
    """
    gaps = session.read(round_index, "gaps")
    if gaps is None:
        raise ToolError("gaps are not known in this round; find them first")
    share = images_for_round(session, round_index)
    num_images = min(share, max_images) if max_images > 0 else share
    if num_images < 1:
        raise BudgetExceeded(f"no image left to make in round {round_index}")
    wishes, insight = read_constraints(session), session.read(round_index, "insight")
    whole = [cell for cell in wishes.skip if not (cell.class_name and cell.facet)]
    return {
        "gaps": tuple(gap for gap in from_json(tuple[Gap, ...], gaps) if wishes.allows(gap.cell)),
        "history": tuple(history(session)),
        "num_images": num_images,
        "classes": _less(session, {cell.class_name for cell in whole if not cell.facet}),
        "facet_values": {
            facet: tuple(value for value in values if Cell("", facet, value) not in whole)
            for facet, values in facet_value_lists(session.collection).items()
        },
        "goal": session.goal.text,
        "wishes": wishes,
        "insight": from_json(Insight, insight) if insight else None,
        "spread": session.spec.spread,
        "modes": session.generator.modes,
        "scorer": session.spec.scorer,
    }


def images_for_round(session: Session, round_index: int) -> int:
    """Return how many images a round may make: its even share of those left, or `DEFAULT_IMAGES` without a limit."""
    left = session.workspace.ledger.left(session.run_id, session.spec.budget)["images"]
    rounds_left = max(1, session.spec.budget.rounds - round_index + 1)
    return DEFAULT_IMAGES if left is None else min(int(left), max(1, int(left // rounds_left)))


def _less(session: Session, skipped: set[str]) -> tuple[str, ...]:
    """Return the training classes less those to be left alone."""
    return tuple(sorted({image.label for image in session.collection.of_split("train")} - skipped))


DEFAULT_IMAGES = 200
"""Images a round makes where the budget names no number."""


def history(session: Session) -> list[dict[str, Any]]:
    """Return the finished rounds as data: round, protocol, decision."""
    rounds = session.workspace.journal.rounds(session.run_id)
    return [
        {"round": index, "protocol": entries["protocol"], "decision": entries["decision"]}
        for index, entries in rounds.items()
        if index > 0 and "decision" in entries
    ]


def candidates_of(session: Session, round_index: int) -> list[Candidate]:
    """Return the candidates of a round, in the order in which they were asked for."""
    keys = session.read(round_index, "candidates") or []
    return list(session.workspace.candidates.find(keys).values())


def kept_candidates(session: Session, round_index: int) -> list[Candidate]:
    """Return the candidates of a round that survived its filters, by key."""
    asked = set(session.read(round_index, "candidates") or [])  # a second draft replaces the first one's images
    verdicts = session.workspace.candidates.verdicts(session.run_id, round_index)
    keys = [verdict.candidate_key for verdict in verdicts if verdict.kept and verdict.candidate_key in asked]
    return list(session.workspace.candidates.find(keys).values())
