from __future__ import annotations

import copy
import json
import pickle

import pytest
from PIL import Image

from atlantis_core.base.errors import SetupError
from atlantis_core.data.near_duplicates import fingerprint_image
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.records import LabelledImage
from tests.atlantis_core.data.sample_images import picture

IMAGES = tuple(
    LabelledImage(f"{seed:016x}", f"/secret/{seed}.png", "a", "test", "query", {"light": "dark"}) for seed in range(3)
)


def sealed() -> SealedSplit:
    return SealedSplit(IMAGES, [fingerprint_image(picture(seed, 96)) for seed in range(3)])


def test_opening_is_written_down_first() -> None:
    written: list[str] = []
    assert sealed().open("atlantis test RUN", written.append) == IMAGES
    assert written == ["atlantis test RUN"]


def test_it_stays_closed_without_a_purpose_or_a_record() -> None:
    def refuse(purpose: str) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        sealed().open("final test", refuse)
    with pytest.raises(SetupError, match="purpose"):
        sealed().open("  ", lambda purpose: None)


def test_the_leak_guard_finds_copies_and_mirror_images_and_nothing_else() -> None:
    split = sealed()
    small = picture(1, 96).resize((50, 50))
    assert split.matches(fingerprint_image(small))
    assert split.matches(fingerprint_image(small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
    assert not split.matches(fingerprint_image(picture(50, 96)))
    assert not SealedSplit([], []).matches(fingerprint_image(small))


def test_nothing_shows_but_the_count() -> None:
    split = sealed()
    assert len(split) == 3
    assert repr(split) == str(split) == "<SealedSplit of 3 images>"
    with pytest.raises(TypeError):
        iter(split)  # type: ignore[call-overload]
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            leak(split)
    with pytest.raises(TypeError):
        json.dumps(split)


def test_the_store_can_keep_it_as_json() -> None:
    rows = json.loads(json.dumps(sealed().rows_for_store()))
    again = SealedSplit.from_store_rows(rows)
    assert again.open("test", lambda purpose: None) == IMAGES
    assert again.matches(fingerprint_image(picture(2, 96)))
    assert len(SealedSplit.from_store_rows([])) == 0
    assert again.address == sealed().address != SealedSplit(IMAGES[:1], [fingerprint_image(picture(0))]).address


def test_images_and_fingerprints_must_go_together() -> None:
    with pytest.raises(ValueError, match="3 images but 0 fingerprints"):
        SealedSplit(IMAGES, [])
