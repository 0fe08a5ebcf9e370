"""The loop with a pool of unlabelled photos: pseudo-labels, a person's answers, and photos in the gallery."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from atlantis_core.data.reading import LoadedCollection
from atlantis_core.records import Budget, Cell, CellRequest, Pilot, Protocol
from atlantis_core.run.gallery import split_photos
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import load_model, measure_arm
from atlantis_core.run.models import name_model
from atlantis_core.run.pilots import list_offers
from atlantis_core.run.pool import label_pool
from atlantis_core.run.round_images import make_candidates
from atlantis_core.run.session import Session
from atlantis_core.run.training_set import apply_remedy, collect_real, plan_arm
from atlantis_core.run.trials import train_arm
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]


def test_a_run_with_a_pool_pilots_it_and_uses_no_held_out_photo(
    begin: Begin, tiny_world: LoadedCollection, pool: Path
) -> None:
    context = begin(pool=str(pool), budget=Budget(images=12, rounds=1), remedies=("self_train", "ask_labels"))
    session = context.session
    uses = ["self_train", "self_train:gallery", "self_train:both"]
    assert [offer.remedy for offer in list_offers(session)] == uses, "nobody answers, so nobody is asked"
    assert advance(context).status == "done"
    left = session.pool
    names = {Path(image.path).name for image in left.images}
    assert not names & {"known.png", "held-out.png"}
    assert (left.held_out, left.known) == (1, 1)
    pilots: tuple[Pilot, ...] = session.read(1, JournalKind.PILOTS) or ()
    tried = {pilot.offer.remedy: pilot for pilot in pilots}
    assert tried["self_train"].overall is not None
    assert tried["self_train"].images > 12, "photos of a pool cost no image of the budget"
    assert session.workspace.ledger.spent(session.run_id).get("images", 0) <= 12


def _teach(session: Session) -> str:
    """Return the diagnosing model, trained on the real photos."""
    (trial,) = train_arm(session, [session.diagnosing_seed], collect_real(session))
    return trial.id


def _draft(session: Session, remedy: str) -> Protocol:
    cells = (CellRequest(Cell(session.collection.classes[0]), 2, ("photo",)),)
    return Protocol("p", 1, "edit", cells, "objective", "reason", "margin", 1.0, 0.1, remedy)


def test_the_class_and_its_evidence_are_kept_with_each_photo(begin: Begin, pool: Path) -> None:
    session = begin(pool=str(pool), remedies=("self_train", "ask_labels")).session
    model = _teach(session)
    made = make_candidates(session, 1, _draft(session, "self_train"), model)
    train = {image.id: image.label for image in session.collection.of_split("train")}
    right = [str(one.settings["file"]).startswith(one.cell.class_name) for one in made]
    assert np.mean(right) >= 0.8
    for one in made:
        assert one.settings["pool"] == str(pool)
        votes = [train[name] for name in one.settings["nearest"]]
        assert one.settings["votes"] == {name: votes.count(name) for name in votes}
        assert 0.5 <= one.settings["sampling_weight"] <= 1
    plan = apply_remedy(session, plan_arm(session, "incumbent", 1), _draft(session, "self_train"), made)
    assert [image.weight for image in plan.synthetic] == [one.settings["sampling_weight"] for one in made]
    assert plan.serving == ""
    assert session.workspace.ledger.spent(session.run_id)["images"] == 0


def test_photos_in_the_gallery_are_measured_without_a_training(begin: Begin, pool: Path) -> None:
    session = begin(pool=str(pool), remedies=("self_train", "ask_labels")).session
    model = _teach(session)
    protocol = _draft(session, "self_train:gallery")
    made = make_candidates(session, 1, protocol, model)
    plan = apply_remedy(session, plan_arm(session, "incumbent", 1), protocol, made)
    assert plan.synthetic == ()
    rest, photos = split_photos(session.workspace, plan.serving)
    assert rest == ""
    assert {photo.id for photo in photos} == {one.key for one in made}
    measured = measure_arm(session, [name_model(model, plan.serving)])
    retriever, task = load_model(session, model), session.task
    gallery = [*task.gallery, *photos]
    queries, found = (retriever.embed([image.path for image in part]) for part in (task.queries, gallery))
    labels = np.array([image.label for image in gallery])
    nearest = (queries @ found.T).argmax(axis=1)
    expected = np.mean(labels[nearest] == [image.label for image in task.queries])
    assert measured.recall_at[1] == pytest.approx(expected, abs=0.02), "the cache rounds to half precision"
    assert measured != measure_arm(session, [model])


def test_answers_of_a_person_count_and_are_kept_with_who_and_when(begin: Begin, pool: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    named = [path for path in sorted(pool.glob("*-?.png")) if path.stem.endswith(("-0", "-1"))]
    rows = [f"{path.name},{path.stem[:-2]},Ann,2026-11-30" for path in named]
    other = next(path.name for path in sorted(pool.glob("*-2.png")))
    rows += ["held-out.png,x,Ann,2026-11-30", f"{other},none of these,Ann,2026-11-30"]
    answers.write_text("\n".join(["path,label,who,when", *rows]) + "\n", encoding="utf-8")
    session = begin(
        pool=str(pool), answers=str(answers), questions=len(rows), remedies=("self_train", "ask_labels")
    ).session
    assert "ask_labels:gallery" in {offer.remedy for offer in list_offers(session)}
    model = _teach(session)
    made = make_candidates(session, 1, _draft(session, "ask_labels"), model)
    of_file = {str(one.settings["file"]): one for one in made}
    assert "held-out.png" not in of_file, "an answer does not make a leak usable"
    assert other not in of_file
    usable = {Path(image.path) for image in session.pool.images}
    assert len(usable & set(named)) > 0.8 * len(named)
    for path in usable & set(named):
        one = of_file[path.name]
        assert one.cell.class_name == path.stem[:-2]
        assert (one.settings["who"], one.settings["when"], one.settings["sampling_weight"]) == (
            "Ann",
            "2026-11-30",
            1.0,
        )
    alone = {label.image_id: label for label in label_pool(session, model, [], ask=False)}
    assert not any(label.is_answer for label in alone.values())
    spread = [one for name, one in of_file.items() if "who" not in one.settings]
    assert spread, "answers are spread to photos nobody was asked about"


def test_at_most_so_many_questions_are_asked(begin: Begin, pool: Path, tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    rows = [f"{path.name},{path.stem[:-2]}" for path in sorted(pool.glob("*-?.png"))]
    answers.write_text("\n".join(["file_name,label", *rows]) + "\n", encoding="utf-8")
    session = begin(pool=str(pool), answers=str(answers), questions=3).session
    made = make_candidates(session, 1, _draft(session, "ask_labels"), _teach(session))
    assert sum("who" in one.settings for one in made) == 3
