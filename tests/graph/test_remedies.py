"""A round orders a remedy: pilots try each in small, and what is chosen changes one part of the arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import AIMessage

from atlantis_core.records import Budget, Goal
from atlantis_core.run.gap_groups import is_in_group
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import load_outcomes
from atlantis_core.run.models import name_model, split_model
from atlantis_core.run.pilots import list_offers
from atlantis_core.run.remedies import REMEDIES
from atlantis_core.run.round import read_arms, read_round
from atlantis_core.run.session import Session
from atlantis_core.run.summary import summarise
from atlantis_core.run.training_set import plan_arm
from atlantis_core.workflows.test import run_final_test
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]
SERVED = "serve:csls"


@pytest.fixture
def piloted(begin: Begin, chat: Any, call: Any) -> Callable[..., Any]:
    """Return a function that runs one round whose remedies are piloted, and then makes the given calls."""

    def run(*calls: Any, **changes: Any) -> tuple[RunContext, list[str]]:
        context = begin(**{"budget": Budget(images=100, rounds=1), "remedies": tuple(REMEDIES)} | changes)
        start = [
            call("train_retriever", arm="baseline"),
            call("evaluate_retrieval", arm="baseline"),
            call("find_gaps"),
            call("draft_protocol", max_images=80),
            call("pilot_remedies"),
        ]
        planner, model = chat(context, *start, *calls, AIMessage("Enough."), AIMessage("Enough."))
        advance(replace(context, planner=planner))
        return context, [message.text for message in model.requests[-1][2:]]

    return run


@pytest.fixture
def session(piloted: Any, call: Any) -> Session:
    """A session after a round that only changed how the models are searched."""
    context, _ = piloted(
        call("pilot_remedies", choose=SERVED),
        call("train_retriever", arm="candidate"),
        call("evaluate_retrieval", arm="candidate"),
    )
    found: Session = context.session
    return found


def test_a_round_that_changes_the_search_trains_and_generates_nothing(session: Session) -> None:
    found = read_round(session, 1)
    assert found.protocol is not None
    assert found.arms is not None
    assert found.decision is not None
    assert found.protocol.remedy == SERVED
    assert found.candidate_keys == ()
    candidate, baseline = found.arms["candidate"], found.arms["baseline"]
    assert [split_model(model) for model in candidate] == [(trial, "csls") for trial in baseline]
    hits = [one.hit.mean() for one in load_outcomes(session, candidate) if one]
    assert found.decision.overall.after == pytest.approx(sum(hits) / len(hits))
    assert plan_arm(session, "candidate", 1).serving == "csls"
    assert plan_arm(session, "incumbent", 1).serving == ""


def test_what_a_kept_round_changed_stays_with_the_incumbent_and_is_not_offered_again(session: Session) -> None:
    decision = read_round(session, 1).decision
    assert decision is not None
    session.write(1, JournalKind.DECISION, replace(decision, kept=True))
    assert plan_arm(session, "incumbent", 2).serving == "csls"
    assert plan_arm(session, "baseline", 2).serving == ""
    offered = {offer.remedy for offer in list_offers(session)}
    assert SERVED not in offered
    assert {"generate", "serve:prototypes"} <= offered


def test_pilots_are_listed_with_gain_interval_and_cost_and_make_a_tenth_of_the_images(
    piloted: Any, call: Any
) -> None:
    context, _ = piloted(call("pilot_remedies", choose="generate"))
    session = context.session
    (entry,) = summarise(session.workspace, session.run_id)["rounds"]
    table = {pilot["remedy"]: pilot for pilot in entry["pilots"]}
    assert {"generate", SERVED, "serve:prototypes"} <= set(table)
    assert entry["protocol"]["remedy"] == "generate"
    for pilot in table.values():
        assert pilot["failure"] or pilot["low"] <= pilot["gain"] <= pilot["high"]
    assert table["generate"]["images"] == 8
    assert table[SERVED]["images"] == 0
    assert session.workspace.ledger.spent(session.run_id)["images"] == 8
    _check_groups(session, table["generate"], table[SERVED])


def _check_groups(session: Session, generated: dict[str, Any], served: dict[str, Any]) -> None:
    """The gain in a group is that of its queries alone, and its images are those of its cells."""
    cells = [gap.cell for gap in session.read(1, JournalKind.GAPS) or ()]
    incumbent = read_arms(session, 1)["incumbent"]
    arms = [incumbent, [name_model(model, "csls") for model in incumbent]]
    before, after = ([found for found in load_outcomes(session, arm) if found] for arm in arms)
    assert sum(group["images"] for group in generated["groups"]) == generated["images"]
    assert sum(group["kept"] for group in generated["groups"]) == generated["kept"]
    for group in served["groups"]:
        own = {cell.class_name for cell in cells if (cell.facet, cell.value) == (group["facet"], group["value"])}
        ids = [
            image.id
            for image in session.task.queries
            if image.label in own and image.facets[group["facet"]] == group["value"] and image.id in before[0].ids
        ]
        assert group["queries"] == len(ids) > 0
        change = [
            np.isin(one.ids, ids) @ (one.hit.astype(int) - other.hit)
            for one, other in zip(after, before, strict=True)
        ]
        assert group["gain"] == pytest.approx(np.mean(change) / len(ids))
        assert group["low"] <= group["gain"] <= group["high"]


def test_a_remedy_without_images_generates_none_and_an_unknown_one_is_refused(piloted: Any, call: Any) -> None:
    _, said = piloted(
        call("pilot_remedies", choose="serve:telepathy"),
        call("pilot_remedies", choose=SERVED),
        call("generate_images"),
        call("recall_trials"),
    )
    assert any("no pilot of 'serve:telepathy'; known: " in text for text in said)
    assert any("makes no images; train the candidate next" in text for text in said)


def test_images_are_shared_out_over_groups_by_what_their_pilot_gave(piloted: Any, call: Any) -> None:
    context, said = piloted(
        call("pilot_remedies", choose="generate"), call("recall_trials"), remedies=("generate",), spread="thompson"
    )
    protocol = read_round(context.session, 1).protocol
    assert protocol is not None
    assert "images by what the pilots gave: " in protocol.reason
    assert 8 <= protocol.num_images <= 80
    groups = {group for pilot in read_round(context.session, 1).pilots for group in pilot.groups}
    shares = [sum(r.count for r in protocol.cells if is_in_group(one.group, r.cell)) for one in groups]
    assert sum(shares) == protocol.num_images
    assert all(shares), "every group keeps its floor"
    assert any("this round uses generate" in text for text in said)


def test_what_other_queries_pay_is_measured_in_pilots_by_the_judge_and_on_the_sealed_test(
    piloted: Any, call: Any
) -> None:
    """A serving changes what every query finds, and is judged on those that the goal names."""
    context, said = piloted(
        call("pilot_remedies", choose=SERVED),
        call("train_retriever", arm="candidate"),
        call("evaluate_retrieval", arm="candidate"),
        goal=Goal("night photos are not found"),
    )
    session, found = context.session, read_round(context.session, 1)
    (served,) = (pilot for pilot in found.pilots if pilot.offer.remedy == SERVED)
    assert found.decision is not None
    for one in (found.decision, served):
        assert one.targeted is not None
        assert one.others is not None
        assert one.overall is not None
        assert one.targeted.queries + one.others.queries == one.overall.queries
        weighed = one.targeted.queries * one.targeted.gain + one.others.queries * one.others.gain
        assert weighed == pytest.approx(one.overall.queries * one.overall.gain)
    assert any("on the other queries" in text for text in said)
    session.write(1, JournalKind.DECISION, replace(found.decision, kept=True))
    arms = read_arms(session, 1)
    session.write(0, JournalKind.FINAL_ARMS, arms | {"incumbent": arms["candidate"]})
    tested = run_final_test(session)
    (entry,) = tested["rounds"]
    assert (entry["round"], entry["remedy"]) == (1, SERVED)
    parts = [entry[name] for name in ("targeted", "others")]
    assert sum(part["queries"] for part in parts) == tested["final"]["queries"]
    for name, arm in (("before", "baseline"), ("after", "final")):
        weighed = sum(part["queries"] * part[name] for part in parts)
        assert weighed == pytest.approx(tested["final"]["queries"] * tested[arm]["recall_at"]["1"])
