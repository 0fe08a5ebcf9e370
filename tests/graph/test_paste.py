"""The loop with a class that has nothing but its catalogue image: pastes of it are searched without a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import NothingGenerated, SetupError
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.records import Budget, Cell, CellRequest, Collection, LabelledImage, Protocol
from atlantis_core.run.gallery import split_photos
from atlantis_core.run.pilots import list_offers
from atlantis_core.run.remedies.paste import PASTES_PER_CLASS
from atlantis_core.run.round_images import build_guard, make_candidates, screen
from atlantis_core.run.session import Session
from atlantis_core.run.training_set import apply_remedy, collect_real, plan_arm
from atlantis_core.run.trials import train_arm
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]


@pytest.fixture
def cold(tiny_world: LoadedCollection, tmp_path: Path) -> Collection:
    """The tiny world, whose first class has one training image, on white."""
    rows, columns = np.mgrid[:96, :96]
    inside = (np.abs(rows - 48) < 16) & (np.abs(columns - 48) < 36)
    Image.fromarray(np.where(inside[..., None], [200, 40, 30], 255).astype(np.uint8)).save(tmp_path / "catalogue.png")
    world, name = tiny_world.collection, tiny_world.collection.classes[0]
    left = [image for image in world.images if image.split != "train" or image.label != name]
    facets = next(image.facets for image in world.images)
    catalogue = LabelledImage("c" * 16, str(tmp_path / "catalogue.png"), name, "train", facets=facets)
    return replace(world, images=(*left, catalogue))


def _draft(session: Session, remedy: str) -> Protocol:
    cells = (CellRequest(Cell(session.collection.classes[1]), 2, ("photo",)),)
    return Protocol("p", 1, "edit", cells, "objective", "reason", "margin", 1.0, 0.1, remedy)


def _teach(session: Session) -> str:
    (trial,) = train_arm(session, [session.diagnosing_seed], collect_real(session))
    return trial.id


def test_it_is_offered_where_a_class_has_few_photos(begin: Begin, cold: Collection) -> None:
    offers = {offer.remedy: offer for offer in list_offers(begin(cold, remedies=("paste",)).session)}
    assert {name: offer.trainings for name, offer in offers.items()} == {"paste:gallery": 0, "paste:both": 1}


def test_it_is_not_offered_where_every_class_has_photos(begin: Begin) -> None:
    assert list_offers(begin(remedies=("paste",)).session) == []


def test_pastes_of_the_class_are_kept_and_stand_in_the_gallery(begin: Begin, cold: Collection) -> None:
    session = begin(cold, budget=Budget(images=None, rounds=1)).session
    model, protocol = _teach(session), _draft(session, "paste:gallery")
    made = make_candidates(session, 1, protocol, model)
    assert {one.cell.class_name for one in made} == {cold.classes[0]}
    assert len(made) == PASTES_PER_CLASS
    verdicts, _ = screen(session, made, protocol, model, build_guard(session))
    assert {(one.kept, one.filter) for one in verdicts} == {(True, "cut_out")}
    plan = apply_remedy(session, plan_arm(session, "incumbent", 1), protocol, made)
    assert plan.synthetic == ()
    assert {photo.id for photo in split_photos(session.workspace, plan.serving)[1]} == {one.key for one in made}
    both = apply_remedy(session, plan_arm(session, "incumbent", 1), _draft(session, "paste:both"), made)
    assert {image.id for image in both.synthetic} == {one.key for one in made}
    assert both.serving == plan.serving


def test_no_more_is_pasted_than_the_budget_has_left(begin: Begin, cold: Collection) -> None:
    session = begin(cold, budget=Budget(images=3, rounds=1)).session
    made = make_candidates(session, 1, _draft(session, "paste:gallery"), "")
    assert len(made) == 3
    with pytest.raises(SetupError, match="known: gallery, both"):
        make_candidates(session, 1, _draft(session, "paste:wall"), "")


def test_an_image_without_an_outline_is_named(begin: Begin, cold: Collection, tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), "white").save(tmp_path / "catalogue.png")
    session = begin(cold).session
    lines: list[str] = []
    session.say = lines.append
    with pytest.raises(NothingGenerated, match="can be cut out"):
        make_candidates(session, 1, _draft(session, "paste:gallery"), "")
    assert "'catalogue.png'" in lines[0]
