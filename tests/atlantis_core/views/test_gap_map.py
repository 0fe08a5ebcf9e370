"""The map of cells before and after, counted again by hand from the outcomes of a small real training."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.metrics.outcomes import QueryOutcomes
from atlantis_core.records import Cell, Trial
from atlantis_core.run.measurements import find_trial_session, find_trials, measure_trial, measurement_hash
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace
from atlantis_core.views.gap_map import FEW_QUERIES, GapCell, GapMap, build_gap_map, find_query_answers
from tests.interface.measured import CLASSES, HOSTILE, Trained, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def session(trained: Trained, tmp_path: Path) -> Session:
    """A copy, so that no test sees what another one kept."""
    shutil.copytree(trained.workspace, tmp_path / "w")
    found = find_trial_session(Workspace(tmp_path / "w"), trained.model)
    assert found is not None
    return found


def _outcomes(session: Session, trial_id: str) -> QueryOutcomes:
    measured = measure_trial(session, find_trials(session, [trial_id])[0])
    assert measured is not None
    return measured[1]


def _all_right(session: Session, trial_id: str) -> str:
    """Keep a trial of which every first answer was right."""
    found = _outcomes(session, trial_id)
    labels = {image.id: image.label for image in session.task.queries}
    session.workspace.trials.add(Trial("f" * 16, 9, "finished", "/gone", 21, 3, 1.0))
    key = measurement_hash(session, "f" * 16)
    right = QueryOutcomes(found.ids, found.hit | True, tuple(labels[identity] for identity in found.ids))
    right.save(session.workspace.path("measurements") / f"{key}.npz")
    cached = session.workspace.results.find(measurement_hash(session, trial_id))
    session.workspace.results.add(key, "measurement", cached, 0.1)
    return "f" * 16


def test_every_cell_has_its_support_its_queries_and_recall_before_and_after(
    session: Session, trained: Trained
) -> None:
    better = _all_right(session, trained.model)
    found = build_gap_map(session, [trained.model], [better, better], "camera")
    assert (found.facet, set(found.classes), found.values) == ("camera", set(CLASSES), ("a", "b"))
    outcomes = _outcomes(session, trained.model)
    hit = dict(zip(outcomes.ids, outcomes.hit.tolist(), strict=True))
    for cell in found.cells:
        inside = [i for i in session.task.queries if (i.label, i.facets["camera"]) == (cell.class_name, cell.value)]
        real = [i for i in session.collection.of_split("train") if i.label == cell.class_name]
        assert cell.support == sum(i.facets["camera"] == cell.value for i in real)
        assert cell.queries == len(inside)
        assert cell.before is not None
        assert cell.before == pytest.approx(sum(hit[i.id] for i in inside) / len(inside))
        assert cell.after == 1.0
        assert cell.gain == pytest.approx(1 - cell.before)
        assert cell.thin == (cell.queries < FEW_QUERIES)
    assert list(found.by_place().values()) == list(found.cells)
    assert (HOSTILE, "c") not in found.by_place()
    assert {tuple(one) for one in found.facts()["cells"]} == {
        ("class", "value", "support", "queries", "thin", "before", "after")
    }


def test_classes_with_the_most_missed_queries_come_first() -> None:
    rows = {"good": (30, 1.0), "rare": (2, 0.0), "bad": (10, 0.5), "unasked": (0, None)}
    cells = tuple(GapCell(name, "a", 3, queries, before, None) for name, (queries, before) in rows.items())
    found = GapMap("camera", tuple(sorted(rows)), ("a",), cells, 1, 1)
    assert found.worst_first() == ["bad", "rare", "good", "unasked"]


def test_recall_is_the_mean_over_seeds_and_a_crashed_one_is_left_out(session: Session, trained: Trained) -> None:
    better = _all_right(session, trained.model)
    session.workspace.trials.add(Trial("c" * 16, 3, "crashed", "", 21, 0, 1.0, "loss is nan"))
    (one, *_) = build_gap_map(session, [trained.model], [trained.model, "c" * 16, better], "camera").cells
    assert one.before is not None
    assert one.after == pytest.approx((one.before + 1) / 2)
    assert build_gap_map(session, [trained.model], ["c" * 16, better]).seeds_after == 1
    with pytest.raises(ToolError, match="nothing to compare"):
        build_gap_map(session, ["c" * 16], [better])
    with pytest.raises(ToolError, match="loss is nan"):
        find_query_answers(session, "c" * 16, Cell("red"))


def test_without_a_facet_cells_are_whole_classes(session: Session, trained: Trained) -> None:
    found = build_gap_map(session, [trained.model], [trained.model])
    assert found.values == ("",)
    assert [cell.queries for cell in found.cells] == [7, 7, 7]


def test_an_unknown_facet_names_those_there_are(session: Session, trained: Trained) -> None:
    with pytest.raises(SetupError, match="no facet 'weather'; this collection has camera"):
        build_gap_map(session, [trained.model], [trained.model], "weather")


def test_behind_a_cell_stands_what_was_returned_for_each_query(session: Session, trained: Trained) -> None:
    outcomes = _outcomes(session, trained.model)
    returned = dict(zip(outcomes.ids, outcomes.returned, strict=True))
    found = find_query_answers(session, trained.model, Cell(HOSTILE, "camera", "a"))
    inside = {i.id for i in session.task.queries if (i.label, i.facets["camera"]) == (HOSTILE, "a")}
    assert {answer.query_id for answer in found} == inside
    assert [answer.right for answer in found] == sorted(answer.right for answer in found), "misses first"
    searched = {image.id: image for image in session.task.gallery}
    for answer in found:
        assert answer.label == HOSTILE
        assert answer.answer_label == searched[answer.answer_id].label == returned[answer.query_id]
        assert answer.answer_path == searched[answer.answer_id].path
        assert Path(answer.query_path).is_file()
    assert len(find_query_answers(session, trained.model, Cell(""))) == len(outcomes.ids)


def test_answers_that_were_ranked_once_need_no_checkpoint_any_more(
    session: Session, trained: Trained, tmp_path: Path
) -> None:
    wanted = find_query_answers(session, trained.model, Cell("red"))
    session.workspace.trials.add(Trial("d" * 16, 3, "finished", "/gone", 21, 0, 1.0))
    with pytest.raises(SetupError):
        find_query_answers(session, "d" * 16, Cell("red"))
    (trial,) = find_trials(session, [trained.model])
    aside = Path(trial.path).rename(tmp_path / "aside")
    assert find_query_answers(session, trained.model, Cell("red")) == wanted
    aside.rename(trial.path)
