"""Tool: where retrieval fails (the paper's DIG: heuristic, with a chat model, or both)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from langchain_core.tools import tool

from atlantis_core.base.errors import BudgetExceeded, NoUsableReply, ToolError
from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import quote
from atlantis_core.records import Gap
from atlantis_core.run.diagnosis import describe_diagnosis, diagnose, find_gaps_in_cells
from atlantis_core.run.insight import FacetCheck, Insight, Mode, check_insight
from atlantis_core.run.insight_facts import collect_insight_facts, describe_group
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.session import Session
from atlantis_core.run.sheets.findings import describe_look, report_look
from atlantis_core.run.sheets.missed import look_at_missed
from atlantis_core.statistics.findings import group_gaps
from atlantis_dml.tools.context import InsightFinder, Runtime, answer_call, find_diagnosing
from atlantis_dml.tools.steps import Step

_MAX_GROUPS = 4
_GROUPS_LETTERS, _CLAIMS_LETTERS, _FACETS_LETTERS, _NOTE_LETTERS = 700, 1400, 200, 300
_CLAIM_LETTERS = 150
"""Of each claim, so that all of them fit."""

STEPS = (Step(60, "find_gaps", "Find the cells where the incumbent fails."),)
WORDS = "gap gaps fail fails failed weak worst diagnose"


@tool
def find_gaps(
    runtime: Runtime, top: int = 20, mode: Literal["auto", "heuristic", "llm", "hybrid"] = "auto"
) -> object:
    """List the cells (class x facet value) that are scarce, missed or confused, worst first, with evidence.

    Args:
        top: How many gaps to list at most.
        mode: heuristic: by counting and measuring. hybrid: an insight model explains the measured gaps and finds
            new facets. llm: only cells that it names. auto: hybrid where the run has an insight model.
    """
    session, round_index = runtime.context.session, runtime.state["round"]
    diagnosing = find_diagnosing(runtime)
    if top < 1:
        raise ToolError(f"top must be at least 1, not {top}")
    look = None if mode == "llm" else look_at_missed(session, round_index, diagnosing, top, runtime.context.eyes)
    seen = [describe_look(look)] if look and look.finding else []
    gaps, insight, note = _find_by_mode(session, diagnosing, top, mode, runtime.context.insight, seen)
    session.write(round_index, JournalKind.GAPS, gaps)
    if insight is not None:
        session.write(round_index, JournalKind.INSIGHT, insight)
    text = _in_words(gaps, insight, note, has_facets=bool(session.collection.facets))
    text += report_look(look) if look else ""
    wants_no_more = session.goal.mode == "diagnose"
    ended = {"stop_reason": "diagnosed", "stop_detail": describe_diagnosis(gaps)} if wants_no_more else {}
    return answer_call(runtime, "find_gaps", text, gaps, **ended)


def _find_by_mode(
    session: Session, trial_id: str, top: int, mode: str, finder: InsightFinder | None, seen: Sequence[str]
) -> tuple[tuple[Gap, ...], Insight | None, str]:
    """Return the gaps, what the insight model made of them, and what the planner must know besides."""
    if mode == "heuristic" or (mode == "auto" and finder is None):
        return diagnose(session, trial_id, top), None, ""
    if finder is None:
        raise ToolError(f"mode {mode!r} needs an insight model, and this run has no chat model; use 'heuristic'")
    if mode == "llm":
        insight = _insight(session, (), "llm", finder, ())
        return _find_claimed_gaps(session, trial_id, top, insight), insight, ""
    gaps = diagnose(session, trial_id, top)
    try:
        insight = _insight(session, gaps, "hybrid", finder, seen)
    except (NoUsableReply, BudgetExceeded) as error:
        return gaps, None, f"by counting alone, the insight model was of no use: {error}"
    grown = any(facet.kept for facet in insight.facets)
    return (diagnose(session, trial_id, top) if grown else gaps), insight, ""


def _insight(
    session: Session, gaps: Sequence[Gap], mode: Mode, finder: InsightFinder, seen: Sequence[str]
) -> Insight:
    """Ask, check, and learn the facets that stood the count."""
    facts = collect_insight_facts(session, gaps, mode, seen)
    insight, accepted = check_insight(finder.find(facts), facts, session.collection, session.captions)
    if accepted:
        session.add_facets(accepted)
    return insight


def _find_claimed_gaps(session: Session, trial_id: str, top: int, insight: Insight) -> tuple[Gap, ...]:
    cells = [cell for claim in insight.claims for cell in claim.cells]
    gaps = find_gaps_in_cells(session, trial_id, cells, top)
    if not gaps:
        raise ToolError(
            f"none of the {len(cells)} cells that the insight model named has a missed query; "
            "use mode 'hybrid' or 'heuristic'"
        )
    return gaps


def _in_words(gaps: Sequence[Gap], insight: Insight | None, note: str, *, has_facets: bool) -> str:
    """Say it to the planner; what comes from the collection or a model is quoted and cut."""
    none = f"no gap found: {'no cell is worse than expected' if has_facets else 'without a facet there is no cell'}"
    lines = [f"{count_noun(len(gaps), 'gap')}, by value and cause:" if gaps else none]
    lines += [note[:_NOTE_LETTERS]] if note else []
    lines += _fitting(
        (describe_group(group, quoted=True) for group in group_gaps(gaps)[:_MAX_GROUPS]), _GROUPS_LETTERS
    )
    if insight is None:
        return "\n".join(lines)
    claims = [
        f"claim{' (guess)' if claim.is_guess else ''}: {quote(claim.text, _CLAIM_LETTERS)}"
        for claim in insight.claims
    ]
    domain = f"domain, as {insight.by[:40]} sees it: {quote(insight.domain, 100)}"
    new = (_facet_in_words(facet) for facet in insight.facets if facet.kept)
    return "\n".join([*lines, *_fitting([domain, *claims], _CLAIMS_LETTERS), *_fitting(new, _FACETS_LETTERS)])


def _facet_in_words(facet: FacetCheck) -> str:
    most = sorted(facet.counts.items(), key=lambda pair: -pair[1])[:3]
    counts = ", ".join(f"{quote(value, 20)} {count}" for value, count in most)
    return f"new facet {quote(facet.name, 30)}: {counts}"


def _fitting(lines: Iterable[str], most_letters: int) -> list[str]:
    """Return the lines that fit, from the first on."""
    kept: list[str] = []
    for line in lines:
        most_letters -= len(line) + 1
        if most_letters >= 0:
            kept.append(line)
    return kept
