"""Tool: reject outliers among the generated images (the paper's ORDC)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from langchain_core.tools import tool

from atlantis_core.base.errors import NothingGenerated
from atlantis_core.base.text import quote
from atlantis_core.filtering.leak_guard import CROPS_NOT_SEARCHED
from atlantis_core.run.critique import count_rejections
from atlantis_core.run.round import drop_candidate_arm, read_round
from atlantis_core.run.round_images import screen_round
from atlantis_core.run.sheets.findings import report_look
from atlantis_core.run.sheets.looking import look_at
from atlantis_core.run.sheets.plans import plan_screened
from atlantis_dml.tools.context import Runtime, answer_call, find_diagnosing
from atlantis_dml.tools.steps import Step, is_image_round

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.filtering.captions import CaptionCheckResult
    from atlantis_core.records import Verdict
    from atlantis_core.run.round import Round
    from atlantis_core.run.session import Session

_CLASSES_SHOWN = 4

STEPS = (Step(100, "score_outliers", "Only images that belong to their class may train.", is_needed=is_image_round),)
WORDS = "filter filtered drop dropped screen screened outlier rejects"


@tool
def score_outliers(runtime: Runtime) -> object:
    """Reject generated images that do not show their class or condition, are copies, or match validation or test."""
    session, round_index = runtime.context.session, runtime.state["round"]
    found = read_round(session, round_index)
    if not found.candidate_keys or found.protocol is None:
        raise NothingGenerated("this round has no images; generate some first")
    verdicts, check = screen_round(session, round_index, found.protocol, find_diagnosing(runtime))
    drop_candidate_arm(session, round_index)
    kept = sum(verdict.kept for verdict in verdicts)
    reasons = Counter(verdict.filter for verdict in verdicts if not verdict.kept)
    why = count_rejections(verdicts)
    text = f"{kept} of {len(verdicts)} kept"
    text += f"; rejected: {why}{_by_class(session, found, verdicts)}" if why else ""
    artifact = {"kept": kept, "rejected": dict(reasons), "caption_check": check or {}}
    text += _describe_check(check) if check else ""
    if read_round(session, round_index).crops_searched is False:
        text += f"; {CROPS_NOT_SEARCHED}"
    if (plan := plan_screened(session, read_round(session, round_index))) is not None:
        text += report_look(look_at(session, round_index, plan, runtime.context.eyes))
    return answer_call(runtime, "score_outliers", text, artifact)


def _by_class(session: Session, found: Round, verdicts: Sequence[Verdict]) -> str:
    """Say which classes lost most of their images."""
    candidates = session.workspace.candidates.find(found.candidate_keys)
    made = Counter(candidates[verdict.candidate_key].cell.class_name for verdict in verdicts)
    lost = Counter(candidates[verdict.candidate_key].cell.class_name for verdict in verdicts if not verdict.kept)
    worst = sorted(lost, key=lambda name: -lost[name] / made[name])[:_CLASSES_SHOWN]
    listed = [f"{quote(name, 60)} {lost[name]} of {made[name]}" for name in worst]
    return f"; most by class: {', '.join(listed)}"


def _describe_check(check: CaptionCheckResult) -> str:
    """Say for which values the captioner was not trusted."""
    distrusted = [f"{one.facet}={one.value}" for one in check.agreements if not one.trusted]
    words = ", ".join(distrusted)
    text = f"; captions were ignored for {words}: they do not fit the real photos" if words else ""
    return text + ("; captioning stopped, the dollars are spent" if check.unpaid else "")
