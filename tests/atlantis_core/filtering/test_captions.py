"""Candidates that show another condition than their cell are found by their captions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.errors import BudgetExceeded
from atlantis_core.filtering.captions import FEWEST_NAMED_PHOTOS, PHOTOS_PER_VALUE, CaptionCheck, named_value
from atlantis_core.records import Candidate, Caption, Cell, LabelledImage

VALUES = {"condition": ("day", "night")}


class ByLight:
    """Names a dark image night and a bright one day; names nothing for one in between."""

    name, recognises, version = "by-light", True, "1"

    def caption(self, images: Sequence[LabelledImage]) -> list[Caption]:
        captions = []
        for image in images:
            mean = float(np.asarray(Image.open(image.path).convert("L")).mean())
            words = "a boat at night" if mean < 80 else "a boat by day" if mean > 160 else "a boat"
            captions.append(Caption(image.id, words, {}))
        return captions


def save_image(folder: Path, name: str, grey: int) -> str:
    path = folder / f"{name}.png"
    Image.new("RGB", (8, 8), (grey,) * 3).save(path)
    return str(path)


def real(folder: Path, grey: dict[str, int], count: int = 12) -> list[LabelledImage]:
    return [
        LabelledImage(
            f"{value}{i}", save_image(folder, f"{value}{i}", shade), "tug", "train", facets={"condition": value}
        )
        for value, shade in grey.items()
        for i in range(count)
    ]


def candidate(folder: Path, key: str, value: str, grey: int, facet: str = "condition") -> Candidate:
    path = save_image(folder, key, grey)
    return Candidate(key, path, "", Cell("tug", facet, value), "", "", "diffusion/1", {}, 0, "p1", 1, 0.0)


def test_only_another_value_is_rejected_and_the_reason_says_which(tmp_path: Path) -> None:
    check = CaptionCheck(ByLight(), VALUES, real(tmp_path, {"day": 220, "night": 20}))
    right, wrong = candidate(tmp_path, "right", "night", 30), candidate(tmp_path, "wrong", "night", 200)
    unsure = candidate(tmp_path, "unsure", "night", 120)
    (verdict,) = check.judge([right, wrong, unsure]).values()
    assert (verdict.candidate_key, verdict.kept, verdict.filter) == ("wrong", False, "caption")
    assert "shows condition=day, not night" in verdict.reason
    assert check.agreements["condition", "night"].photos == PHOTOS_PER_VALUE
    assert set(check.agreements) == {("condition", "night")}, "only values of candidates are tested"


def test_it_is_trusted_value_by_value(tmp_path: Path) -> None:
    check = CaptionCheck(ByLight(), VALUES, real(tmp_path, {"day": 220, "night": 220}))
    rejected = check.judge([candidate(tmp_path, "x", "night", 220), candidate(tmp_path, "y", "day", 20)])
    assert set(rejected) == {"y"}, "it names this collection's nights day, so it is not trusted on nights"


def test_a_value_with_hardly_any_real_photo_is_not_judged(tmp_path: Path) -> None:
    check = CaptionCheck(ByLight(), VALUES, real(tmp_path, {"night": 20}, count=FEWEST_NAMED_PHOTOS - 1))
    assert check.judge([candidate(tmp_path, "x", "night", 220)]) == {}


def test_without_money_for_captions_nothing_is_rejected_and_that_is_kept(tmp_path: Path) -> None:
    class Broke(ByLight):
        def caption(self, images: Sequence[LabelledImage]) -> list[Caption]:
            raise BudgetExceeded("no money")

    check = CaptionCheck(Broke(), VALUES, real(tmp_path, {"day": 220, "night": 20}))
    assert check.judge([candidate(tmp_path, "x", "night", 220)]) == {}
    assert check.unpaid


def test_a_captioner_that_disagrees_with_the_collections_own_photos_is_not_listened_to(tmp_path: Path) -> None:
    check = CaptionCheck(ByLight(), VALUES, real(tmp_path, {"day": 20, "night": 220}))
    assert check.judge([candidate(tmp_path, "x", "night", 200)]) == {}
    assert not check.agreements["condition", "night"].trusted


def test_one_that_never_names_a_value_rejects_nothing(tmp_path: Path) -> None:
    check = CaptionCheck(ByLight(), VALUES, real(tmp_path, {"day": 120, "night": 130}))
    assert check.judge([candidate(tmp_path, "x", "night", 200)]) == {}
    assert check.agreements["condition", "night"].photos == 0


def test_a_cell_without_a_facet_and_an_unknown_facet_are_left_alone(tmp_path: Path) -> None:
    check = CaptionCheck(ByLight(), VALUES, real(tmp_path, {"day": 220, "night": 20}))
    assert (
        check.judge([candidate(tmp_path, "x", "", 200, facet=""), candidate(tmp_path, "y", "far", 200, facet="view")])
        == {}
    )
    assert check.agreements == {}


@pytest.mark.parametrize(
    ("text", "attributes", "value"),
    [
        ("a tug", {"condition": "night"}, "night"),
        ("a tug", {"time": "night"}, "night"),
        ("a tug at NIGHT", {}, "night"),
        ("a nightingale", {}, ""),
        ("a tug, day and night", {}, ""),
        ("a tug", {}, ""),
        ("a tug by day", {"time": "night"}, "night"),
    ],
)
def test_the_named_value(text: str, attributes: dict[str, str], value: str) -> None:
    assert named_value(Caption("x", text, attributes), "condition", VALUES["condition"]) == value
