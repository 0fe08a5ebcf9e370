"""What holds for every remedy of the registry, on a small world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.data.reading import LoadedCollection
from atlantis_core.learning.recipe import Recipe
from atlantis_core.run.remedies import REMEDIES, makes_images, parse_remedy
from atlantis_core.run.remedies.remedy import Remedy
from atlantis_core.run.session import Session
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]


@pytest.fixture(params=sorted(REMEDIES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def session(begin: Begin, tiny_world: LoadedCollection, tmp_path: Path) -> Session:
    """A session with a pool, so that remedies which need one have it."""
    (tmp_path / "pool").mkdir()
    for image in tiny_world.collection.of_split("train")[:4]:
        path = Path(image.path)
        (tmp_path / "pool" / path.name).write_bytes(path.read_bytes())
    return begin(pool=str(tmp_path / "pool"), remedies=tuple(REMEDIES)).session


def test_it_is_found_under_its_name(name: str) -> None:
    remedy, options = parse_remedy(f"{name}:x=1")
    assert isinstance(remedy, Remedy)
    assert (remedy.name, options) == (name, "x=1")


def test_what_it_offers_is_its_own_and_says_what_it_shows(name: str, session: Session) -> None:
    remedy, _ = parse_remedy(name)
    offers = remedy.list_offers(session)
    assert len({offer.remedy for offer in offers}) == len(offers)
    for offer in offers:
        assert parse_remedy(offer.remedy)[0].name == name
        assert offer.makes_images == remedy.makes_images == makes_images(offer.remedy)
        assert offer.shows
        assert offer.trainings in {0, 1}


def test_it_changes_one_part_of_an_arm(name: str, session: Session) -> None:
    remedy, _ = parse_remedy(name)
    for offer in remedy.list_offers(session):
        options = offer.remedy.partition(":")[2]
        recipe, serving = remedy.change_recipe(session.recipe, options), remedy.change_serving("", options)
        assert isinstance(recipe, Recipe)
        changed = [recipe != session.recipe, serving != "", remedy.makes_images]
        assert sum(changed) == 1, offer.remedy


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(SetupError, match="unknown remedy 'prayer'; known: ask_labels"):
        parse_remedy("prayer")


def test_it_says_what_it_can_do_and_what_it_cannot(name: str) -> None:
    remedy, _ = parse_remedy(name)
    assert remedy.can
    assert remedy.cannot
