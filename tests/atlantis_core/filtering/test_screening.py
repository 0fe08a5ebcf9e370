"""Every candidate gets exactly one verdict, for the right reason."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from atlantis_core.base.errors import ToolError
from atlantis_core.data.near_duplicates import fingerprint_file
from atlantis_core.data.sealed import SealedSplit
from atlantis_core.filtering.captions import CaptionCheck
from atlantis_core.filtering.centre_ratio import CentreRatioScorer
from atlantis_core.filtering.centres import ClassCentres
from atlantis_core.filtering.diversity import find_nearest_before
from atlantis_core.filtering.domain import remove_domain_shift
from atlantis_core.filtering.leak_guard import LeakGuard, ValidationFingerprints
from atlantis_core.filtering.margin import MarginScorer
from atlantis_core.filtering.screening import RealImages, judge_embeddings, screen_candidates
from atlantis_core.records import Candidate, Caption, Cell, LabelledImage

CLASSES = ("ferry", "sloop", "trawler", "tug", "yawl")


def save_image(path: Path, seed: int) -> str:
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).resize((64, 64)).save(path)
    return str(path)


def candidate(
    key: str, path: str = "", class_name: str = "tug", source_id: str = "", value: str = "night"
) -> Candidate:
    cell = Cell(class_name, "lighting", value)
    return Candidate(key, path, "", cell, "", source_id, "photometric/1", {}, 0, "p1", 1, 0.0)


@pytest.fixture
def real():
    """Five classes along five axes, four images each."""
    rng = np.random.default_rng(0)
    points = np.repeat(np.eye(5, 6), 4, axis=0) + 0.05 * rng.standard_normal((20, 6))
    names = [name for name in CLASSES for _ in range(4)]
    ids = [f"{name}-{number}" for name in CLASSES for number in range(4)]
    return RealImages(ids, names, points.astype(np.float32))


def towards(class_name: str, aside: float = 0.0) -> np.ndarray:
    point = np.zeros(6, dtype=np.float32)
    point[CLASSES.index(class_name)] = 1
    point[5] = aside
    return point


@pytest.fixture
def held_out(tmp_path):
    """A validation image, a sealed test image, and a guard that knows both."""
    validation = LabelledImage("v", save_image(tmp_path / "validation.png", 100), "tug", "validation")
    test = LabelledImage("t", save_image(tmp_path / "test.png", 101), "tug", "test")
    return validation, test, LeakGuard.of([validation], SealedSplit([test], [fingerprint_file(test.path)]))


def test_one_verdict_each_in_order_with_its_reason(real, held_out, tmp_path):
    validation, test, guard = held_out
    places = {
        "good": towards("tug", 0.3),
        "twin": towards("tug", 0.3),
        "other": towards("tug", -0.9),
        "wrong": towards("ferry"),
    }
    paths = {key: save_image(tmp_path / f"{key}.png", seed) for seed, key in enumerate(places)}
    (tmp_path / "broken.png").write_bytes(b"no image")
    Image.new("RGB", (64, 64), (9, 9, 9)).save(tmp_path / "blank.png")
    with Image.open(validation.path) as image:
        ImageEnhance.Brightness(image).enhance(0.9).resize((50, 50)).save(tmp_path / "leak.png")
    paths |= {"leak": str(tmp_path / "leak.png"), "sealed": test.path}
    paths |= {key: str(tmp_path / f"{key}.png") for key in ("broken", "blank")}
    embedded = []

    def embed(wanted):
        embedded.extend(Path(path).stem for path in wanted)
        return np.stack([places[Path(path).stem] for path in wanted])

    candidates = [
        candidate(key, paths[key]) for key in ("wrong", "leak", "good", "broken", "twin", "sealed", "blank", "other")
    ]
    verdicts = screen_candidates(candidates, embed, real, MarginScorer(), guard, {})
    assert [verdict.candidate_key for verdict in verdicts] == [item.key for item in candidates]
    assert [verdict.filter for verdict in verdicts] == [
        *("margin", "leak_guard", "margin", "unreadable", "diversity", "leak_guard", "blank", "margin")
    ]
    assert [verdict.candidate_key for verdict in verdicts if verdict.kept] == ["good", "other"]
    assert embedded == ["wrong", "good", "twin", "other"]
    assert all(verdict.reason and np.isfinite(verdict.score) for verdict in verdicts)
    assert "good" in verdicts[4].reason


def test_an_edit_of_a_leaking_source_leaks_however_it_looks(real, held_out, tmp_path):
    validation, _, guard = held_out
    edit = save_image(tmp_path / "edit.png", 55)
    assert not guard.matches(edit)
    assert guard.matches(edit, validation.path)
    clean = save_image(tmp_path / "clean.png", 56)
    candidates = [candidate("a", edit, source_id="copy"), candidate("b", edit, source_id="clean")]
    verdicts = screen_candidates(
        candidates,
        lambda paths: np.stack([towards("tug", 0.5) for _ in paths]),
        real,
        MarginScorer(),
        guard,
        {"copy": validation.path, "clean": clean},
    )
    assert [verdict.filter for verdict in verdicts] == ["leak_guard", "margin"]


@pytest.mark.parametrize(("strokes_px", "is_blank"), [(0, True), (30, True), (120, False)])
def test_a_drawing_of_few_strokes_is_not_blank(real, held_out, tmp_path, strokes_px, is_blank):
    """A line one pixel wide on paper of 128 x 128 px: too little of it for the 5th percentile of the brightness."""
    pixels = np.full((128, 128), 250, np.uint8)
    pixels[64, :strokes_px] = 20
    Image.fromarray(pixels).save(tmp_path / "drawing.png")
    drawing = candidate("a", str(tmp_path / "drawing.png"))
    [verdict] = screen_candidates(
        [drawing], lambda _: towards("tug", 0.3)[None], real, MarginScorer(), held_out[2], {}
    )
    assert (verdict.filter == "blank") == is_blank


def test_the_guard_sees_mirror_images_and_says_only_yes_or_no(held_out, tmp_path):
    validation, _, guard = held_out
    with Image.open(validation.path) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "mirror.png")
    assert guard.matches(str(tmp_path / "mirror.png")) is True
    assert guard.matches(save_image(tmp_path / "strange.png", 77)) is False
    assert LeakGuard.of([], SealedSplit([], [])).matches(validation.path) is False


def test_a_source_that_cannot_be_checked_is_an_error_not_a_pass(real, held_out, tmp_path):
    candidates = [candidate("a", save_image(tmp_path / "a.png", 3), source_id="gone")]
    with pytest.raises(ToolError, match="'gone'"):
        screen_candidates(candidates, lambda _: np.zeros((1, 6), np.float32), real, MarginScorer(), held_out[2], {})


def test_nothing_to_judge_embeds_nothing(real, held_out):
    def never(_paths):
        raise AssertionError("embed was called")

    assert screen_candidates([], never, real, MarginScorer(), held_out[2], {}) == []


def test_unknown_classes_and_diverged_models_are_named(real):
    with pytest.raises(ToolError, match="'submarine'"):
        judge_embeddings([candidate("a", class_name="submarine")], np.zeros((1, 6), np.float32), real, MarginScorer())
    with pytest.raises(ToolError, match="NaN"):
        judge_embeddings([candidate("a")], np.full((1, 6), np.nan, np.float32), real, MarginScorer())


def test_the_source_of_an_edit_is_no_copy_but_another_real_image_is(real):
    same = np.stack([real.embeddings[12], real.embeddings[12]])
    candidates = [candidate("own", source_id="tug-0"), candidate("stranger", source_id="tug-1")]
    own, stranger = judge_embeddings(candidates[:1], same[:1], real, MarginScorer()) + judge_embeddings(
        candidates[1:], same[1:], real, MarginScorer()
    )
    assert own.kept
    assert stranger.filter == "diversity"
    assert "real image tug-0" in stranger.reason


def test_copies_of_a_rejected_copy_are_still_measured_against_the_kept_one():
    points = np.array([[1, 0], [1, 0.1], [1, 0.2], [0, 1]], dtype=np.float32)
    empty = np.zeros((0, 2), dtype=np.float32), np.zeros(0, dtype=np.int64), []
    found = find_nearest_before(points, np.zeros(4, dtype=np.int64), list("abcd"), *empty, [""] * 4, 0.99)
    assert [item.of for item in found] == ["", "a", "a", "c"]
    assert found[1].cosine > 0.99 > found[2].cosine


def test_other_classes_are_no_copies():
    points = np.ones((2, 3), dtype=np.float32)
    found = find_nearest_before(
        points, np.array([0, 1]), ["a", "b"], points, np.array([2, 2]), ["x", "y"], ["", ""], 0.9
    )
    assert [item.of for item in found] == ["", ""]


def night_world(real, rng):
    """Right candidates of all classes, displaced together, and one of them with the wrong class."""
    candidates = [candidate(f"{name}{n}", class_name=name) for name in CLASSES for n in range(3)]
    night = np.array([1.6, 0.3, 0, 0, 0, 1.2], dtype=np.float32)
    points = np.stack([towards(item.cell.class_name) * 0.95 + night for item in candidates])
    points += 0.02 * rng.standard_normal(points.shape).astype(np.float32)
    return [*candidates, candidate("wrong", class_name="tug")], np.vstack([points, towards("yawl") * 0.95 + night])


@pytest.mark.parametrize("scorer", [CentreRatioScorer(), MarginScorer()])
def test_what_all_classes_of_a_condition_share_is_not_held_against_them(real, scorer):
    candidates, points = night_world(real, np.random.default_rng(1))

    def kept(in_domain):
        verdicts = judge_embeddings(candidates, points, real, scorer, in_domain=in_domain, copy_cosine=2)
        return {verdict.candidate_key for verdict in verdicts if verdict.kept}

    assert len(kept(False)) < len(candidates) - 1
    assert kept(True) == {item.key for item in candidates} - {"wrong"}


def test_objects_cut_out_of_a_real_image_get_no_outlier_score_but_copies_of_them_are_rejected(real):
    far = [candidate(name) for name in ("paste", "copy", "edit", "good")]
    points = np.stack([towards("yawl"), towards("yawl"), towards("ferry"), towards("tug", 0.3)]).astype(np.float32)
    verdicts = judge_embeddings(far, points, real, MarginScorer(), unscored={"paste": "cut_out", "copy": "medium"})
    assert [(one.kept, one.filter) for one in verdicts] == [
        (True, "cut_out"),
        (False, "diversity"),
        (False, "margin"),
        (True, "margin"),
    ]
    alone = judge_embeddings(far[2:], points[2:], real, MarginScorer())
    assert [one.score for one in verdicts[2:]] == [one.score for one in alone], "others are judged as without them"
    only = judge_embeddings(far[:1], points[:1], real, MarginScorer(), unscored={"paste": "cut_out"})
    assert only[0].kept


def test_a_domain_of_few_classes_is_left_as_it_is_and_unit_vectors_stay_unit(real):
    labels = np.repeat(np.arange(5), 4)
    centres = ClassCentres.of(real.embeddings, labels)
    points = real.embeddings / np.linalg.norm(real.embeddings, axis=1, keepdims=True) + np.float32(0)
    shifted = remove_domain_shift(points, labels, ["few" if label < 3 else "other" for label in labels], centres)
    np.testing.assert_array_equal(shifted, points)
    shifted = remove_domain_shift(points, labels, ["night"] * 20, centres)
    np.testing.assert_allclose(np.linalg.norm(shifted, axis=1), 1, atol=1e-5)


def test_what_its_caption_contradicts_is_rejected_before_it_is_embedded(real, held_out, tmp_path):
    class Seer:
        name, recognises, version = "seer", True, "1"

        def caption(self, images):
            return [Caption(one.id, "at day" if one.id == "wrong" else "at night", {}) for one in images]

    shown = [LabelledImage(f"n{i}", "", "tug", "train", facets={"lighting": "night"}) for i in range(4)]
    candidates = [
        candidate(key, save_image(tmp_path / f"{key}.png", seed)) for seed, key in enumerate(("right", "wrong"))
    ]
    embedded = []

    def embed(paths):
        embedded.extend(paths)
        return np.stack([towards("tug", 0.3) for _ in paths])

    check = CaptionCheck(Seer(), {"lighting": ("day", "night")}, shown)
    verdicts = screen_candidates(candidates, embed, real, MarginScorer(), held_out[2], {}, captions=check)
    assert [verdict.kept for verdict in verdicts] == [True, False]
    assert verdicts[1].filter == "caption"
    assert embedded == [candidates[0].path]


def test_a_file_name_that_names_a_class_or_a_held_out_photo_means_nothing(tmp_path: Path) -> None:
    held_out = save_image(tmp_path / "tug_validation.png", 5)
    guard = LeakGuard(ValidationFingerprints([fingerprint_file(held_out)]))
    (tmp_path / "pool").mkdir()
    assert not guard.matches(save_image(tmp_path / "pool" / "tug_validation.png", 6))
    assert guard.matches(save_image(tmp_path / "pool" / "yacht_train.png", 5))


def test_an_edit_is_compared_by_pixels_with_drawings_and_others_by_their_fingerprint(tmp_path: Path) -> None:
    """Two drawings whose fingerprints match and whose pixels do not; many are looked at as one is."""

    class Drawings:
        """Held-out drawings of which every image looks like a copy, and none is."""

        def __init__(self) -> None:
            self.asked: list[str] = []

        def matches(self, fingerprint: bytes) -> bool:
            return False

        def match_each(self, fingerprints: Sequence[bytes]) -> list[bool]:
            return [False for _ in fingerprints]

        def contains_copy(self, fingerprint: bytes) -> bool:
            return True

        def find_copies(self, fingerprints: Sequence[bytes]) -> list[bool]:
            return [True for _ in fingerprints]

        def confirms_copy(self, fingerprint: bytes, path: str) -> bool:
            self.asked.append(Path(path).name)
            return False

    held_out = Drawings()
    guard = LeakGuard(held_out)
    paths = [save_image(tmp_path / f"{seed}.png", seed) for seed in range(3)]
    guard.look_at([*paths, str(tmp_path / "gone.png")])
    assert [guard.matches(path, is_edit=False) for path in paths] == [True] * 3
    assert held_out.asked == []
    assert [guard.matches(path, paths[0], is_edit=True) for path in paths] == [False] * 3
    assert held_out.asked == ["0.png", "1.png", "2.png"]
    with pytest.raises(OSError, match="gone"):
        guard.matches(str(tmp_path / "gone.png"))
