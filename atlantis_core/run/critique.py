"""What a judged round teaches: its figures in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import quote
from atlantis_core.run.moved_cells import describe_moves, read_moves
from atlantis_core.run.remedies import makes_images
from atlantis_core.run.verdicts import list_measured, list_verdicts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atlantis_core.records import Comparison, Verdict
    from atlantis_core.run.round import JudgedRound, Round
    from atlantis_core.run.session import Session


def describe_round(judged: JudgedRound, session: Session) -> list[str]:
    """Return a judged round as short statements with its figures."""
    protocol, decision = judged.protocol, judged.decision
    made, kept, why = count_survivors(session, judged)
    asked = Counter((request.cell.facet, request.cell.value) for request in protocol.cells)
    where = ", ".join(
        f"{quote(f'{facet}={value}') if facet else 'whole classes'} ({count_noun(count, 'cell')})"
        for (facet, value), count in asked.items()
    )
    name = f"round {judged.index}, remedy {protocol.remedy}"
    images = [
        f"{name}: {count_noun(made, 'image')} made for {where} with arm {protocol.arm}, weight "
        f"{protocol.synthetic_weight:g}",
        f"the filters kept {kept} of {made}" + (f"; rejected: {why}" if why else ""),
    ]
    return [
        *(images if makes_images(protocol.remedy) else [f"{name}: no images, judged on {where}"]),
        f"expected gain {protocol.expected_gain:+.3f}; {_describe_targeted(decision.targeted)}; "
        f"overall {decision.overall.gain:+.3f}",
        f"the judge {'kept' if decision.kept else 'rolled back'} the round: {decision.reason} (p is one-sided)",
        *describe_moves(read_moves(session, judged)),
    ]


def _describe_targeted(found: Comparison | None) -> str:
    if found is None:
        return "no query is in the targeted cells"
    bounds = f"({found.low:+.3f} to {found.high:+.3f})"
    return f"measured on the targeted cells {found.gain:+.3f} {bounds} over {found.queries} queries"


def count_survivors(session: Session, found: Round) -> tuple[int, int, str]:
    """Return how many images of a round were screened, how many were kept, and why the others were rejected."""
    verdicts = list_verdicts(list_measured(session, found))
    return len(verdicts), sum(verdict.kept for verdict in verdicts), count_rejections(verdicts)


def count_rejections(verdicts: Iterable[Verdict]) -> str:
    """Say how many images each filter rejected, the strictest first; empty where none did."""
    reasons = Counter(verdict.filter for verdict in verdicts if not verdict.kept)
    return ", ".join(f"{count} by {name}" for name, count in reasons.most_common())
