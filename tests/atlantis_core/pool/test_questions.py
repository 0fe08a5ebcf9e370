"""Which photos are asked about, and what the answers do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.pool.answer_file import read_answers
from atlantis_core.pool.answers import spread_answers
from atlantis_core.pool.held_out import Labelled, Unlabelled, hold_out_groups
from atlantis_core.pool.pool_folder import PoolFolder
from atlantis_core.pool.pseudo_labels import pseudo_label
from atlantis_core.pool.questions import choose_questions, forecast_settled
from atlantis_core.records import NONE_OF_THESE
from tests.atlantis_core.generation.conftest import photo
from tests.atlantis_core.pool.worlds import draw_world


@pytest.fixture(scope="module")
def world() -> tuple[Labelled, Unlabelled, np.ndarray, np.ndarray]:
    """Twenty classes, three shelves of each labelled; two shelves are the pool: labels, and shelf by class."""
    points, labels, shelves = draw_world(classes=20, blur=1.1)
    known = shelves < 3
    places = np.array([f"{name}/{shelf}" for name, shelf in zip(labels, shelves, strict=True)])
    return Labelled(points[known], labels[known]), Unlabelled(points[~known]), labels[~known], places[~known]


def test_each_question_is_about_another_group_and_the_most_doubtful_come_first(world: tuple[Any, ...]) -> None:
    train, pool, truth, places = world
    found = pseudo_label(train, pool, hold_out_groups(train, train.embeddings))
    questions = choose_questions(found, train, pool, 12)
    rows = [question.row for question in questions]
    assert len(set(places[rows])) >= 10, "of a shelf of six photos one is enough"
    assert [one.worth for one in questions] == sorted((one.worth for one in questions), reverse=True)
    doubt = np.array([1 - one.rate for one in found.every])
    assert doubt[rows].mean() > 1.5 * doubt.mean()
    for question in questions:
        assert np.mean(places[list(question.alike[:3])] == places[question.row]) >= 0.3
        assert question.likely[0] == found.every[question.row].class_name
        assert len(set(question.likely)) == len(question.likely) <= 9
    assert np.mean([truth[one.row] in one.likely for one in questions]) >= 0.5
    assert forecast_settled(questions, 5) == pytest.approx(
        [sum(one.worth for one in questions[start : start + 5]) for start in (0, 5, 10)]
    )


def test_chosen_questions_beat_random_ones(world: tuple[Any, ...]) -> None:
    train, pool, truth, _ = world
    held_out = hold_out_groups(train, train.embeddings)
    found = pseudo_label(train, pool, held_out)

    def count_right(rows: list[int]) -> int:
        after = spread_answers({row: str(truth[row]) for row in rows}, train, pool, held_out)
        return sum(one.class_name == truth[one.row] for one in after.accepted)

    chosen = count_right([one.row for one in choose_questions(found, train, pool, 12)])
    draws = [count_right(np.random.default_rng(seed).permutation(len(truth))[:12].tolist()) for seed in range(4)]
    assert chosen > max(draws)


def test_failing_classes_come_first_and_only_what_can_be_asked(world: tuple[Any, ...]) -> None:
    train, pool, _, _ = world
    found = pseudo_label(train, pool, hold_out_groups(train, train.embeddings))
    askable = list(range(0, len(found.every), 2))
    plain = choose_questions(found, train, pool, 10, askable=askable)
    failing = choose_questions(found, train, pool, 10, ["c3"], askable)
    assert {one.row for one in plain + failing} <= set(askable)
    assert sum("c3" in one.likely for one in failing) >= sum("c3" in one.likely for one in plain)
    assert choose_questions(found, train, pool, 10, askable=[]) == []


def test_what_a_person_says_stands_and_is_spread(world: tuple[Any, ...]) -> None:
    train, pool, truth, places = world
    held_out = hold_out_groups(train, train.embeddings)
    before = pseudo_label(train, pool, held_out)
    wrong = next(one.row for one in before.every if one.class_name != truth[one.row])
    shelf = [row for row in np.flatnonzero(places == places[wrong]).tolist() if row != wrong]
    after = spread_answers({wrong: str(truth[wrong])}, train, pool, held_out)
    assert after.every[wrong].class_name == truth[wrong]
    assert (after.every[wrong].rate, after.every[wrong].accepted) == (1.0, True)
    gained = [after.every[row].class_name == truth[row] for row in shelf]
    assert sum(gained) >= sum(before.every[row].class_name == truth[row] for row in shelf)


def test_a_photo_of_none_of_the_classes_is_not_used(world: tuple[Any, ...]) -> None:
    train, pool, _, _ = world
    held_out = hold_out_groups(train, train.embeddings)
    best = pseudo_label(train, pool, held_out).accepted[0].row
    after = spread_answers({best: NONE_OF_THESE}, train, pool, held_out)
    assert not after.every[best].accepted


def test_a_file_of_answers_names_photos_in_several_ways(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    (pool / "deep").mkdir(parents=True)
    for number, name in enumerate(["a.png", "b.png", "deep/c.png", "deep/b.png"]):
        photo(number).save(pool / name)
    (pool / "broken.jpg").write_bytes(b"no image")
    folder = PoolFolder(str(pool))
    file = tmp_path / "answers.csv"
    file.write_text(
        f"path,label,who,when\n{pool / 'a.png'},tug,Ann,2026-11-30\nc.png,none of these,,\ndeep/b.png,,,\n"
        "broken.jpg,tug,,\na.png,ferry,Bob,2026-12-01\n",
        encoding="utf-8",
    )
    names = {image.id: Path(image.path).relative_to(pool).as_posix() for image in folder.images}
    answers = {names[one.image_id]: one for one in read_answers(str(file), folder)}
    assert {name: one.label for name, one in answers.items()} == {
        "a.png": "ferry",
        "deep/c.png": NONE_OF_THESE,
        "deep/b.png": "",
    }
    assert (answers["a.png"].who, answers["a.png"].when) == ("Bob", "2026-12-01")
    assert [one.names_class for one in answers.values()] == [True, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\nz.png,tug\n", "line 2 of .* names 'z.png', which is not one photo of the pool"),
        ("path,label\nb.png,tug\n", "names 'b.png', which is not one photo"),
        ("path,label\n../secret.png,tug\n", "names '../secret.png'"),
        ("path,class\na.png,tug\n", "it needs path and label"),
    ],
)
def test_answers_that_cannot_be_meant_are_refused(tmp_path: Path, text: str, message: str) -> None:
    pool = tmp_path / "pool"
    for number, name in enumerate(["a.png", "one/b.png", "two/b.png"]):
        (pool / name).parent.mkdir(parents=True, exist_ok=True)
        photo(number).save(pool / name)
    file = tmp_path / "answers.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError, match=message):
        read_answers(str(file), PoolFolder(str(pool)))
    with pytest.raises(SetupError, match="does not exist"):
        read_answers(str(tmp_path / "none.csv"), PoolFolder(str(pool)))
