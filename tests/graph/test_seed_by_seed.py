"""Unclear rounds train one more seed after the other, and go on where they were killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.records import Budget
from atlantis_core.run.adding_seeds import judge_seed_by_seed
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judging import judge_round, look_at
from atlantis_core.run.measurements import load_outcomes, measurement_hash
from atlantis_core.run.round import read_arms
from atlantis_core.run.session import Session
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]


def store_hits(session: Session, model: str, found: QueryOutcomes, more: int) -> None:
    """Store a model's outcomes with some more hits than were measured."""
    hit = found.hit.copy()
    hit[np.flatnonzero(~hit)[:more]] = True
    replace(found, hit=hit).save(session.workspace.path("measurements") / f"{measurement_hash(session, model)}.npz")


def test_an_unclear_round_grows_seed_by_seed_and_goes_on_after_a_kill(begin: Begin) -> None:
    context = begin(seeds=1, max_seeds=2, budget=Budget(images=12, rounds=1))
    assert advance(context).status == "done"
    session = context.session
    protocol, arms = session.read(1, JournalKind.PROTOCOL), read_arms(session, 1)
    assert protocol is not None
    arms = {name: models[:1] for name, models in arms.items()}
    (measured,) = load_outcomes(session, arms["candidate"])
    assert measured is not None
    for more in range(1, len(measured.ids)):
        store_hits(session, arms["candidate"][0], measured, more)
        unclear = judge_round(session, 1, protocol, arms)
        if look_at(session, 1, unclear.overall, unclear.targeted).wants_seed:
            break
    assert unclear.verdict == "undecided"
    assert "seeds" in unclear.missing
    decision, grown = judge_seed_by_seed(session, 1, protocol, arms)
    assert [len(grown[name]) for name in ("baseline", "incumbent", "candidate")] == [2, 2, 2]
    assert decision.overall.seeds == 2
    added = session.workspace.trials.find(grown["candidate"][1])
    assert added is not None
    assert added.seed == session.judging_seed(1)
    spent = session.workspace.ledger.spent(session.run_id)["seconds"]
    assert judge_seed_by_seed(session, 1, protocol, arms) == (decision, grown)
    assert session.workspace.ledger.spent(session.run_id)["seconds"] == spent, "nothing was trained again"
    assert read_arms(session, 1) == grown
