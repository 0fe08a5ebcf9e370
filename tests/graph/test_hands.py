"""A person's decisions on synthetic images, before and after a round was trained on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from atlantis_core.records import Budget
from atlantis_core.run.manual_overrides import override_verdicts
from atlantis_core.run.round import read_round
from atlantis_core.run.summary import summarise
from atlantis_core.run.verdicts import list_measured
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext


def test_figures_stay_those_of_the_images_that_were_trained_on(begin: Callable[..., RunContext]) -> None:
    context = begin(budget=Budget(images=12, rounds=1))
    session, store = context.session, context.session.workspace.candidates
    chosen: list[str] = []

    def reject_one_once_they_are_screened(node: str, update: Mapping[str, Any]) -> None:
        kept = [verdict.candidate_key for verdict in store.filtered(session.run_id, 1) if verdict.kept]
        if kept and not chosen:
            chosen.extend(kept)
            override_verdicts(session, kept[:1], kept=False)

    advance(context, watch=reject_one_once_they_are_screened)
    others = chosen[1:]
    assert set(read_round(session, 1).trained_on or ()) == set(others)
    override_verdicts(session, chosen[:1], kept=True)  # a change of mind leaves no trace in what was trained
    override_verdicts(session, others[:2], kept=False)
    found = read_round(session, 1)
    assert {one.candidate.key for one in list_measured(session, found) if one.is_kept} == set(others)
    images = summarise(session.workspace, session.run_id)["rounds"][0]["images"]
    assert (images["made"], images["kept"], images["rejected_by"]["by_hand"]) == (12, len(others), 1)
    assert (images["taken_out_since"], images["put_in_since"]) == (2, 1)
