"""Tool: drop the made images that are off (the paper's ORDC)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from langchain_core.tools import tool

from atlantis_core.base.errors import NothingGenerated
from atlantis_core.base.serialization import from_json
from atlantis_core.base.text import quote
from atlantis_core.records import Protocol
from atlantis_core.run.history import candidates_of
from atlantis_core.run.rounds import screen_round
from atlantis_dml.tools.context import Runtime, answer_call, drop_candidate_arm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.records import Verdict
    from atlantis_core.run.session import Session

_CELLS_TOLD = 4


@tool
def score_outliers(runtime: Runtime) -> object:
    """Reject made images that leave their class or condition, repeat each other, or match validation or test."""
    session, round_index = runtime.context.session, runtime.state["round"]
    diagnosing = runtime.state.get("arms", {}).get("diagnosing")
    if not diagnosing or not session.read(round_index, "candidates"):
        raise NothingGenerated("no images were made in this round; generate some first")
    protocol = from_json(Protocol, runtime.state["protocol"])
    verdicts = screen_round(session, round_index, protocol, diagnosing[0])
    kept = sum(verdict.kept for verdict in verdicts)
    reasons = Counter(verdict.filter for verdict in verdicts if not verdict.kept)
    why = ", ".join(f"{count} by {name}" for name, count in reasons.most_common())
    text = f"{kept} of {len(verdicts)} kept" + (
        f"; rejected: {why}{_by_cell(session, round_index, verdicts)}" if why else ""
    )
    heard = session.read(round_index, "caption_check") or {}
    artifact = {"kept": kept, "rejected": dict(reasons), "caption_check": heard}
    text += _heard(heard)
    return answer_call(runtime, "score_outliers", text, artifact, survivors=kept, arms=drop_candidate_arm(runtime))


def _by_cell(session: Session, round_index: int, verdicts: Sequence[Verdict]) -> str:
    """Say which cells lost most of their images."""
    cells = {candidate.key: candidate.cell for candidate in candidates_of(session, round_index)}
    made = Counter(cells[verdict.candidate_key] for verdict in verdicts)
    lost = Counter(cells[verdict.candidate_key] for verdict in verdicts if not verdict.kept)
    worst = sorted(lost, key=lambda cell: -lost[cell] / made[cell])[:_CELLS_TOLD]
    told = [f"{quote(cell.class_name, 60)} {lost[cell]} of {made[cell]}" for cell in worst]
    return f"; most by class: {', '.join(told)}"


def _heard(check: Mapping[str, Any]) -> str:
    """Say on which values the captioner was not listened to."""
    deaf = [f"{one['facet']}={one['value']}" for one in check.get("agreements", ()) if not one["trusted"]]
    words = f"; captions were not heeded for {', '.join(deaf)}: they do not fit the real photos" if deaf else ""
    return words + ("; captioning stopped, the dollars are spent" if check.get("unpaid") else "")
