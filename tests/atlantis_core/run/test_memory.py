"""What a run knows of earlier runs on the same collection: it chooses by it and never judges by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atlantis_core.data.reading import LoadedCollection
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.metrics.paired_test import share_of_error
from atlantis_core.records import (
    Budget,
    Cell,
    CellRequest,
    Collection,
    Comparison,
    Decision,
    Gap,
    GapGroup,
    Goal,
    GroupGain,
    LabelledImage,
    Offer,
    Pilot,
    Protocol,
    RunSpec,
)
from atlantis_core.run.drafting import build_brief
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.judging import find_verdict, look_at
from atlantis_core.run.memory import Memory, memory_facts, read_results, write_memory
from atlantis_core.run.pilot_choice import DRIFT_SD, GAIN_SD, choose_pilot, learn_prior, shrunk_gain
from atlantis_core.run.pilots import learn_priors, run_pilots
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace

NIGHT, FOG = Cell("a", "light", "night"), Cell("a", "light", "fog")
BAD, GOOD = Comparison(0.5, 0.49, -0.01, -0.02, 0.0, 0.9, 40, 2), Comparison(0.5, 0.54, 0.04, 0.0, 0.08, 0.02, 40, 2)
Begin = Callable[..., Session]


@pytest.fixture
def begin(tmp_path: Path) -> Begin:
    """Return a function that begins a run of one workspace on one collection, with some settings changed."""
    images = tuple(
        LabelledImage(f"{split}{label}{value}{number}", "", label, split, "both", {"light": value})
        for split in ("train", "validation")
        for label in "ab"
        for value in ("night", "fog")
        for number in range(5)
    )
    collection = Collection("photos", str(tmp_path), images, ("light",), {}, (), True, 0)
    workspace = Workspace(tmp_path / "workspace")
    collection_id = workspace.collections.add(LoadedCollection(collection, SealedSplit([], []), {}, ()))

    def begun(**changes: Any) -> Session:
        spec = RunSpec(collection_id, "photos", Goal("fix it"), Budget(images=200, rounds=2), remedies=("generate",))
        run = workspace.runs.create(replace(spec, **changes))
        return Session(workspace, run.id, run.spec)

    return begun


def protocol(remedy: str, *cells: Cell) -> Protocol:
    requests = tuple(CellRequest(cell, 20) for cell in cells)
    return Protocol("p", 1, "edit", requests, "photos", "because", "margin", 1.0, 0.1, remedy)


def judge(session: Session, drafted: Protocol, found: Comparison, verdict: Any) -> Session:
    session.write(1, JournalKind.PROTOCOL, drafted)
    decision = Decision(verdict == "proven", "because", found, found, found, verdict)
    session.write(1, JournalKind.DECISION, decision)
    return session


def test_a_refuted_remedy_is_not_tried_again_on_the_same_queries_and_counts_as_tried(begin: Begin) -> None:
    first = judge(begin(), protocol("generate", NIGHT), BAD, "refuted")
    later = begin(seed=1)
    said = write_memory(later)
    assert "1 earlier run on the same collection, task and recipe (1 round, 0 pilots)" in said
    assert "refuted on their cells: generate" in said
    assert "no second proof" not in said
    offer = Offer("generate", "edits", makes_images=True, trainings=1)
    (pilot,) = run_pilots(later, 1, protocol("generate", NIGHT), "no model", [offer])
    assert pilot.is_known
    assert pilot.deciding is None
    assert pilot.failure.startswith(f"refuted: -1.0 points (-2.0 to +0.0) in round 1 of run {first.run_id}")
    assert Memory(later).find_refutation("generate", [FOG]) is None, "refuted on other queries"
    assert Memory(later).find_refutation("serve:csls", [NIGHT]) is None, "another remedy"
    later.write(1, JournalKind.PILOTS, (pilot, replace(pilot, is_known=False, failure="no pool")))
    seen = look_at(later, 1, GOOD, GOOD)
    assert seen == find_verdict(GOOD, GOOD, share_of_error(1, 2, 1), 2, 2), "one of the two was tried"


def test_memory_is_of_the_same_collection_task_recipe_and_generator_and_can_be_switched_off(begin: Begin) -> None:
    judge(begin(), protocol("generate", NIGHT), BAD, "refuted")
    for other in ({"preset": "full"}, {"query": ("light", "night")}, {"generator": "cut_paste"}, {"memory": False}):
        session = begin(**other)
        assert write_memory(session) == ""
        assert read_results(session) == ()
        assert memory_facts(session) is None
    assert "no second proof" in write_memory(begin()), "the same judging seeds"


def test_a_round_that_was_judged_since_is_not_remembered(begin: Begin) -> None:
    first, later = begin(), begin(seed=1)
    assert write_memory(later) == ""
    judge(first, protocol("generate", NIGHT), BAD, "refuted")
    assert read_results(later) == ()


def test_what_is_measured_on_top_of_other_remedies_says_nothing(begin: Begin) -> None:
    earlier = judge(begin(), protocol("serve:csls", NIGHT), GOOD, "proven")
    earlier.write(2, JournalKind.PROTOCOL, protocol("generate", NIGHT))
    earlier.write(2, JournalKind.DECISION, Decision(False, "", BAD, BAD, BAD, "refuted"))
    later = begin(seed=1)
    write_memory(later)
    assert Memory(later).find_refutation("generate", [NIGHT]) is None
    judge(later, protocol("serve:csls", NIGHT), GOOD, "proven")
    assert Memory(later).find_refutation("generate", [NIGHT]) is not None


def test_an_earlier_gain_is_the_prior_of_a_later_pilot(begin: Begin) -> None:
    earlier = begin()
    night = GapGroup("light", "night", "scarce", (NIGHT,))
    offers = [Offer(name, "", makes_images=False, trainings=1) for name in ("train:a=1", "train:b=1")]
    first = Pilot(offers[0], (NIGHT,), GOOD, GOOD, 0, 0, 1.0, groups=(GroupGain(night, GOOD, 0, 0),))
    earlier.write(1, JournalKind.PILOTS, (first,))
    earlier.workspace.runs.mark(earlier.run_id, "done")
    later = begin(seed=1)
    write_memory(later)
    facts = memory_facts(later)
    assert facts is not None
    assert [(one["remedy"], one["stage"], one["group"]) for one in facts["results"]] == [
        ("train:a=1", "pilot", ""),
        ("train:a=1", "pilot", "light=night, scarce"),
    ]
    pilots = [Pilot(offer, (NIGHT,), GOOD, GOOD, 0, 0, 1.0) for offer in reversed(offers)]
    priors = learn_priors(later, pilots)
    # Both from Bayes' rule for normal variables, by precisions.
    error = (0.08 / 2 / 1.96) ** 2
    weights = 1 / GAIN_SD**2, 1 / (error + DRIFT_SD**2)
    expected = 0.04 * weights[1] / sum(weights)
    assert priors["train:a=1"].mean == pytest.approx(expected)
    assert priors["train:a=1"].sd == pytest.approx(sum(weights) ** -0.5)
    posterior = (expected * sum(weights) + 0.04 / error) / (sum(weights) + 1 / error)
    assert shrunk_gain(pilots[1], priors["train:a=1"]) == pytest.approx(posterior)
    assert choose_pilot(pilots) == pilots[0], "equal without memory: the first"
    assert choose_pilot(pilots, priors=priors) == pilots[1]
    same_seed = begin()
    write_memory(same_seed)
    assert learn_priors(same_seed, pilots)["train:a=1"] == learn_prior(None), "its own measurement again"


def test_the_drafter_knows_the_cells_whose_images_were_refuted(begin: Begin) -> None:
    judge(begin(), protocol("generate", NIGHT), BAD, "refuted")
    later = begin()
    write_memory(later)
    gap = Gap(FOG, 2, 10.0, 0.4, 0.2, 0.6, 5, 0.3, "scarce", (), 0.3)
    later.write(1, JournalKind.GAPS, (gap,))
    assert build_brief(later, 1, 0, "").refuted == {NIGHT}
