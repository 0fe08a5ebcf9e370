"""What groups of images did, on a tiny run; and the trace of one of its images."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.records import Candidate, Cell, CellRequest, Protocol, Verdict
from atlantis_core.run.effects import choose_round, list_groups, measure_effects
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.manual_overrides import override_verdicts
from atlantis_core.run.measurements import load_outcomes
from atlantis_core.run.round import Round, read_round
from atlantis_core.run.training_set import collect_real
from atlantis_core.run.trials import train_arm
from atlantis_core.views.image_trace import trace_image
from atlantis_dml.cli.main import main
from atlantis_dml.tools.context import RunContext


@pytest.fixture
def done(begin: Callable[..., RunContext]) -> RunContext:
    """Return a run with a baseline and one round, whose candidate was trained on six copies of training images."""
    context = begin()
    session = context.session
    real = collect_real(session)
    trained = train_arm(session, [session.diagnosing_seed], real)
    session.write(0, JournalKind.ARMS, {"diagnosing": [trained[0].id]})
    sources = session.collection.of_split("train")[:6]
    cells = [Cell(one.label, "condition", "night" if place % 2 else "fog") for place, one in enumerate(sources)]
    for source, cell in zip(sources, cells, strict=True):
        key = f"made{source.id}"
        session.workspace.candidates.add(
            Candidate(
                key, source.path, key, cell, "a dark day", source.id, "photometric/1", {"gamma": 2}, 7, "p1", 1, 0.1
            )
        )
        session.workspace.candidates.judge(session.run_id, 1, [Verdict(key, True, "margin", 0.5, "margin 0.5")])
    keys = tuple(f"made{source.id}" for source in sources)
    requests = tuple(CellRequest(cell, 1) for cell in dict.fromkeys(cells))
    session.write(1, JournalKind.PROTOCOL, Protocol("p1", 1, "edit", requests, "", "dark ones", "margin", 0.5, 0.1))
    session.write(1, JournalKind.CANDIDATES, keys)
    session.write(1, JournalKind.TRAINED_ON, keys)
    return context


@pytest.mark.slow
def test_a_run_tells_what_its_images_did(
    done: RunContext, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = done.session
    index = choose_round(session)
    effects = measure_effects(session, index, most=2)
    assert session.read(index, JournalKind.EFFECTS) == effects
    found = read_round(session, index)
    whole = effects[0]
    assert (whole.kind, set(whole.keys)) == ("round", set(found.trained_on or ()) & set(found.candidate_keys))

    # Without all images of the first round nothing is left but the real ones: the diagnosing model of the baseline.
    (baseline,) = train_arm(session, [session.diagnosing_seed], collect_real(session))
    assert whole.without == baseline.id
    before = load_outcomes(session, [whole.without])[0]
    assert before is not None
    assert whole.overall.before == pytest.approx(before.hit.mean())
    assert whole.overall.gain == pytest.approx(whole.overall.after - whole.overall.before)

    key = whole.keys[0]
    override_verdicts(session, [key], kept=False)
    traced = trace_image(session, key[:12])
    assert traced.image.key == key
    use = next(one for one in traced.uses if one.round == index)
    assert use.trained_on
    assert use.by_hand
    assert use.status == "rejected"
    assert use.filter_verdict is not None
    assert use.filter_verdict.kept
    assert use.effects[0] == whole
    assert len(traced.nearest) == 5
    assert traced.nearest[0].nearness >= traced.nearest[1].nearness
    assert traced.source is not None
    assert traced.source.id == traced.image.source_id == traced.nearest[0].image.id
    assert traced.nearest[0].nearness == pytest.approx(1, abs=1e-4)

    monkeypatch.setenv("ATLANTIS_WORKSPACE", str(session.workspace.folder))
    assert main(["trace", session.run_id, "--image", key, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told.keys() == {"run_id", "image", "source", "uses", "nearest"}
    assert main(["trace", session.run_id, "--image", key[:12]]) == 0
    shown = capsys.readouterr().out
    assert key in shown
    assert "rejected by by_hand" not in shown
    assert "rejected by hand" in shown
    assert "Recall" not in shown
    assert main(["effect", session.run_id, "--round", str(index), "--groups", "1", "--json"]) == 0
    groups = json.loads(capsys.readouterr().out)["groups"]
    assert [one["keys"] for one in groups] == [list(whole.keys)]
    assert groups[0]["overall"]["gain"] == pytest.approx(whole.overall.gain)


def test_mistakes_are_named(begin: Callable[..., RunContext]) -> None:
    session = begin().session
    with pytest.raises(SetupError, match="trained no round"):
        choose_round(session)
    with pytest.raises(SetupError, match=r"round 3 of run .* trained rounds: none"):
        measure_effects(session, 3)
    with pytest.raises(SetupError, match="made no image 'abcdef'"):
        trace_image(session, "abcdef")
    with pytest.raises(SetupError, match="at least the first 4 characters"):
        trace_image(session, "ab")


def test_groups_of_the_same_images_count_once(begin: Callable[..., RunContext]) -> None:
    session = begin().session
    cells = {"a": Cell("tug", "light", "night"), "b": Cell("tug", "light", "fog"), "c": Cell("yacht", "light", "fog")}
    for key, cell in cells.items():
        session.workspace.candidates.add(
            Candidate(key, f"/{key}.png", key, cell, "", "", "photometric/1", {}, 0, "p", 1, 0.1)
        )
    found = Round(1, candidate_keys=("a", "b", "c", "d"), trained_on=("a", "b", "c", "z"))
    groups = [(one.kind, one.name, one.keys) for one in list_groups(session, found)]
    assert groups == [
        ("round", "round 1", ("a", "b", "c")),
        ("value", "light=fog", ("b", "c")),
        ("value", "light=night", ("a",)),
        ("class", "tug", ("a", "b")),
        ("class", "yacht", ("c",)),
        ("cell", "tug, light=fog", ("b",)),
    ]
