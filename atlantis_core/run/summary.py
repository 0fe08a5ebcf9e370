"""A run in one JSON object: what `atlantis run`, `demo`, `resume` and `report` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from atlantis_core.base.serialization import as_json
from atlantis_core.filtering.leak_guard import CROPS_NOT_SEARCHED
from atlantis_core.metrics import METRICS
from atlantis_core.run.arm_table import list_arms
from atlantis_core.run.before_after import find_first_gaps, gap_change_facts, read_comparison
from atlantis_core.run.forecasting import forecast_facts
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.memory import memory_facts
from atlantis_core.run.moved_cells import moves_facts, read_moves
from atlantis_core.run.round import JudgedRound, Round, read_rounds
from atlantis_core.run.seal import read_test
from atlantis_core.run.session import Session
from atlantis_core.run.sheets.findings import look_facts
from atlantis_core.run.verdicts import list_then_and_now, list_verdicts
from atlantis_core.store.events import NESTED_KINDS

if TYPE_CHECKING:
    from atlantis_core.records import (
        BaselineComparison,
        Comparison,
        Gap,
        GroupGain,
        Measurement,
        Pilot,
        Protocol,
        RecipeChoice,
    )
    from atlantis_core.store.runs import Run
    from atlantis_core.store.workspace import Workspace


def summarise(workspace: Workspace, run_id: str) -> dict[str, Any]:
    """Return what a run (its id, a unique prefix, or `last`) came to so far; unfinished runs too.

    Returns:
        `run_id`, `stop_reason`, `rounds`, `final`, `baseline`, `frozen`, `spent`, `report_path` and more. Figures
        that are not measured yet are None; `stop_reason` of an unfinished run is its status; `stopped` is one that
        was killed.

    Raises:
        SetupError: No such run.
    """
    run = workspace.runs.get(run_id)
    session = Session(workspace, run.id, run.spec)
    begun = read_rounds(session)
    rounds = [(found, found.protocol) for found in begun if found.protocol is not None]
    end, baseline = session.read(0, JournalKind.END), session.read(0, JournalKind.BASELINE)
    kept = [found.measurement for found, _ in rounds if found.is_kept]
    status, comparison = workspace.read_status(run), read_comparison(session)
    seconds = seconds_by_round(workspace.events.tree(run.id))
    return {
        "run_id": run.id,
        "status": status,
        "stop_reason": (end and end.stop_reason) or status,
        "stop_detail": (end and end.stop_detail) or run.stop_reason,
        **_settings(run),
        "recipe": _recipe(session.read(0, JournalKind.RECIPE)),
        "forecast": forecast_facts(session.read(0, JournalKind.FORECAST)),
        "memory": memory_facts(session),
        "rounds": [_round(session, *found, seconds.get(found[0].index, 0.0)) for found in rounds],
        "final": _figures(kept[-1] if kept else baseline),
        "baseline": _figures(baseline),
        "frozen": _figures(session.read(0, JournalKind.FROZEN)),
        "over_baseline": as_json(comparison and comparison.overall),
        "arms": list_arms(begun, session.read(0, JournalKind.FROZEN), baseline, comparison, run.spec.seeds),
        "planted_gap": as_json(comparison and comparison.planted_gap),
        "gaps": _gaps(find_first_gaps(begun), comparison, rounds),
        "spent": _sum_spending(workspace, run.id),
        "test": read_test(session),
        "report_path": str(workspace.folder / "runs" / run.id / "report.html"),
    }


def seconds_by_round(roots: Iterable[Mapping[str, Any]]) -> dict[int, float]:
    """Return how long the steps of each round took, from the trace; waiting for a person does not count."""
    spent: dict[int, float] = {}
    for event in roots:
        index = _round_of(event)
        if index is not None:
            spent[index] = spent.get(index, 0.0) + _own_seconds(event)
    return {index: round(seconds, 2) for index, seconds in spent.items()}


def _round_of(event: Mapping[str, Any]) -> int | None:
    """Which round an event of the trace's first level belongs to; the judge names it, the planner reads it.

    What is done once per run (statistics, captions, the baseline) is round 0.
    """
    if event["kind"] == "judge":
        return int(str(event["name"]).rpartition(" ")[2])
    if any(_is_preparation(child) for child in event["children"]):
        return 0
    given = event.get("input")
    return int(given["round"]) if isinstance(given, Mapping) and "round" in given else None


def _is_preparation(call: Mapping[str, Any]) -> bool:
    arguments = call["input"] if isinstance(call["input"], Mapping) else {}
    return call["name"] in {"dataset_statistics", "caption_images"} or arguments.get("arm") == "baseline"


def _own_seconds(event: Mapping[str, Any]) -> float:
    children = [child for child in event["children"] if child["kind"] not in NESTED_KINDS | {"approval"}]
    return float(event["seconds"] or 0.0) + sum(_own_seconds(child) for child in children)


def _settings(run: Run) -> dict[str, Any]:
    spec = run.spec
    return {
        "goal": spec.goal.text,
        "data": spec.data,
        "planner": spec.planner,
        "backbone": spec.backbone,
        "weights": spec.weights,
        "regime": spec.regime,
        "seeds": spec.seeds,
        "max_seeds": spec.max_seeds,
        "budget": as_json(spec.budget),
        **({"attack": spec.attack} if spec.attack else {}),
    }


def _round(session: Session, found: Round, protocol: Protocol, seconds: float) -> dict[str, Any]:
    decision = found.decision
    targeted, others = (decision.targeted, decision.others) if decision else (None, None)
    moves = read_moves(session, found) if isinstance(found, JudgedRound) else None
    return {
        "index": found.index,
        "judged": decision is not None,
        "kept": found.is_kept,
        "reason": decision.reason if decision else "not judged",
        "verdict": decision and decision.verdict,
        "missing": decision.missing if decision else "",
        "images": _images(session, found),
        "recall_at_1": _change(decision.overall) if decision else None,
        "gap_recall_at_1": _change(targeted) | {"queries": targeted.queries} if targeted else None,
        "others_recall_at_1": _change(others) | {"queries": others.queries} if others else None,
        "over_baseline": _change(decision.over_baseline) if decision else None,
        **({"clean_recall_at_1": _change(decision.clean)} if decision and decision.clean else {}),
        "seeds": decision.overall.seeds if decision else session.spec.seeds,
        "queries": decision.overall.queries if decision else 0,
        "seconds": seconds,
        "critique": as_json(found.critique),
        "moved": moves_facts(moves) if moves else None,
        "pilots": [pilot_facts(pilot) for pilot in found.pilots],
        "looks": [look_facts(look) for look in found.looks],
        "answers": len(found.answers),
        "answer_forecast": forecast_facts(found.answer_forecast),
        "protocol": {
            "id": protocol.id,
            "remedy": protocol.remedy,
            "objective": protocol.objective,
            "reason": protocol.reason,
            "expected_gain": protocol.expected_gain,
            "cells": [as_json(request.cell) | {"count": request.count} for request in protocol.cells],
        },
    }


def pilot_facts(pilot: Pilot) -> dict[str, Any]:
    """Return a first try of a remedy as the table of remedies shows it; figures are None if it could not be tried.

    `gain` with its interval is on the targeted cells, or over all queries if none is in them; `others` is the same
    on the queries outside these cells, if there are any.
    """
    overall = pilot.overall
    return {
        "remedy": pilot.offer.remedy,
        "shows": pilot.offer.shows,
        **_gain_facts(pilot.deciding),
        "overall_gain": overall.gain if overall else None,
        "others": _gain_facts(pilot.others) if pilot.others else None,
        "images": pilot.images,
        "kept": pilot.kept,
        "seconds": pilot.seconds,
        "failure": pilot.failure,
        "groups": [_group_facts(gain) for gain in pilot.groups],
    }


def _group_facts(gain: GroupGain) -> dict[str, Any]:
    """Return what a pilot gave on a group of gaps; figures are None if no query is in the group."""
    group = gain.group
    return {
        "name": group.name,
        "facet": group.facet,
        "value": group.value,
        "cause": group.cause,
        "cells": len(group.cells),
        **_gain_facts(gain.found),
        "images": gain.images,
        "kept": gain.kept,
    }


def _gain_facts(found: Comparison | None) -> dict[str, Any]:
    return {
        "gain": found.gain if found else None,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "queries": found.queries if found else 0,
    }


def _recipe(choice: RecipeChoice | None) -> dict[str, Any] | None:
    """Return how the recipe was chosen, with the sentence; None in a run that was given one."""
    return None if choice is None else as_json(choice) | {"sentence": choice.sentence}


def _images(session: Session, found: Round) -> dict[str, Any]:
    """Count a round's images as they were when it was measured; what a person changed after that stands apart."""
    measured, screened = list_then_and_now(session, found)
    verdicts = list_verdicts(measured)
    kept = sum(verdict.kept for verdict in verdicts)
    pairs = list(zip(measured, screened, strict=True))
    return {
        "made": len(set(found.candidate_keys)),
        "kept": kept,
        "rejected": len(verdicts) - kept,
        "rejected_by": dict(Counter(verdict.filter for verdict in verdicts if not verdict.kept)),
        "taken_out_since": sum(then.is_kept and not now.is_kept for then, now in pairs),
        "put_in_since": sum(now.is_kept and not then.is_kept for then, now in pairs),
        **({"note": CROPS_NOT_SEARCHED} if found.crops_searched is False else {}),
    }


def _change(comparison: Comparison) -> dict[str, Any]:
    return {key: getattr(comparison, key) for key in ("before", "after", "gain", "low", "high", "p_value")}


def _figures(measurement: Measurement | None) -> dict[str, Any] | None:
    if measurement is None:
        return None
    figures = as_json(measurement)
    wanted = ("recall_at", *METRICS, "queries", "left_out")
    return {key: figures[key] for key in wanted if key in figures}  # a metric may be newer than the run


def _gaps(
    gaps: Sequence[Gap], comparison: BaselineComparison | None, rounds: Sequence[tuple[Round, Protocol]]
) -> list[dict[str, Any]]:
    """Return the gaps that the first round found, with what became of them and the rounds that targeted them."""
    changes = comparison.gaps if comparison else (None,) * len(gaps)
    targets = [(request.cell, found.index) for found, protocol in rounds for request in protocol.cells]
    return [
        gap_change_facts(gap, change) | {"targeted": [index for cell, index in targets if cell == gap.cell]}
        for gap, change in zip(gaps, changes, strict=True)
    ]


def _sum_spending(workspace: Workspace, run_id: str) -> dict[str, Any]:
    spent = workspace.ledger.spent(run_id)
    return {
        "images": int(spent["images"]),
        "tokens": int(spent["tokens"]),
        "usd": round(spent["usd"], 6),
        "seconds": round(spent["seconds"], 2),
    }
