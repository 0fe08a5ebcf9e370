"""Filtering embeddings from any model: files, the automatic choice, the released figures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atlantis_core.base.errors import SetupError, ToolError
from atlantis_core.base.ports import SCORERS
from atlantis_core.filtering.embedded import filter_embeddings
from atlantis_core.filtering.embedding_files import EmbeddedImages, read_embedding_file, to_embedded_images


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.fixture
def real() -> EmbeddedImages:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 15)
    points = np.eye(4, 6)[labels] + 0.1 * rng.standard_normal((60, 6))
    return EmbeddedImages(points.astype(np.float32), labels.astype(np.int64))


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = saved(tmp_path / "x.npz", embeddings=np.eye(3, dtype=np.float64), labels=np.array([2, 0, 2], np.int32))
    read = read_embedding_file(file)
    assert read.embeddings.dtype == np.float32
    assert read.labels.dtype == np.int64
    assert read.labels.tolist() == [2, 0, 2]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"labels": [1]}, "lacks an array"),
        ({"embeddings": [[1.0, 2.0]]}, "lacks an array"),
        ({"embeddings": [1.0, 2.0], "labels": [1, 2]}, r"\(2,\)"),
        ({"embeddings": [[1.0], [2.0]], "labels": [1]}, r"\(1,\)"),
        ({"embeddings": [[1.0]], "labels": [0.5]}, "labels integers or strings"),
        ({"embeddings": [["a"]], "labels": [1]}, "embeddings must be numbers"),
        ({"embeddings": [[1.0], [np.nan]], "labels": [1, 1]}, "in 1 row, the first 1"),
        ({"embeddings": [[1e300]], "labels": [1]}, "too large"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_arrays_of_another_shape_are_named(arrays: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=said):
        read_embedding_file(saved(tmp_path / "x.npz", **arrays))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"not an archive"])
def test_damaged_files_are_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(SetupError, match=r"x\.npz.*not a readable"):
        read_embedding_file(tmp_path / "x.npz")


def test_other_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"file .*absent\.npz. does not exist"):
        read_embedding_file(tmp_path / "absent.npz")
    np.save(tmp_path / "x.npy", np.eye(2))
    with pytest.raises(SetupError, match=r"x\.npy' is a single array \(\.npy\), but two are needed; write it with"):
        read_embedding_file(tmp_path / "x.npy")
    saved(tmp_path / "pickled.npz", embeddings=np.array([{}, {}], dtype=object), labels=[1, 2])
    with pytest.raises(SetupError, match="'embeddings' has dtype object"):
        read_embedding_file(tmp_path / "pickled.npz")


@pytest.mark.parametrize("name", ["auto", *sorted(SCORERS)])
def test_real_images_stay_and_wrong_ones_go(name: str, real: EmbeddedImages) -> None:
    wrong = EmbeddedImages(real.embeddings, np.roll(real.labels, 15))
    assert filter_embeddings(real, real, name).kept.mean() > 0.9
    assert not filter_embeddings(real, wrong, name).kept.any()
    assert not filter_embeddings(real, wrong, name).nearest_own.any()


def test_auto_keeps_what_lies_nearest_its_own_class_however_far(real: EmbeddedImages) -> None:
    far = EmbeddedImages(real.embeddings[:1] * 3, real.labels[:1])
    assert not filter_embeddings(real, far, "centre_ratio").kept.any()
    assert filter_embeddings(real, far).kept.all()


def test_a_threshold_that_is_given_counts(real: EmbeddedImages) -> None:
    found = filter_embeddings(real, real, "auto", 0.2)
    assert (found.scorer, found.threshold) == ("margin", 0.2)
    np.testing.assert_array_equal(found.kept, found.scores <= 0.2)


def test_a_single_class_is_judged_by_the_released_rule(real: EmbeddedImages) -> None:
    alone = EmbeddedImages(real.embeddings[:15], real.labels[:15])
    assert filter_embeddings(alone, alone).scorer == "centre_ratio"


def test_nothing_made_is_nothing_kept(real: EmbeddedImages) -> None:
    assert filter_embeddings(real, EmbeddedImages(real.embeddings[:0], real.labels[:0])).kept.shape == (0,)


def test_mistakes_are_named(real: EmbeddedImages) -> None:
    with pytest.raises(SetupError, match="'critic'"):
        filter_embeddings(real, real, "critic")
    with pytest.raises(ToolError, match="class 9"):
        filter_embeddings(real, EmbeddedImages(real.embeddings[:1], np.array([9])))
    with pytest.raises(ToolError, match="same model"):
        filter_embeddings(real, EmbeddedImages(real.embeddings[:, :3], real.labels))


@pytest.mark.data
def test_auto_beats_the_released_rule_at_its_own_yield(shared_data: Path) -> None:
    names = ("original_embeddings", "original_labels", "synthetic_embeddings", "synthetic_labels")
    arrays = [np.load(shared_data / "atlantis_cars196" / f"{name}.npy") for name in names]
    real, made = (
        EmbeddedImages(arrays[0], arrays[1].astype(np.int64)),
        EmbeddedImages(arrays[2], arrays[3].astype(np.int64)),
    )
    released, chosen = filter_embeddings(real, made, "centre_ratio"), filter_embeddings(real, made)
    assert (~released.kept).sum() == 528
    assert chosen.kept.sum() >= released.kept.sum()
    assert chosen.nearest_own[chosen.kept].mean() > 0.608 > released.nearest_own[released.kept].mean()


def named(given: EmbeddedImages, names: str) -> EmbeddedImages:
    return to_embedded_images((given.embeddings, [names[label] for label in given.labels]), "made")


@pytest.mark.parametrize("scorer", ["auto", *sorted(SCORERS)])
def test_class_names_do_what_numbers_do(scorer: str, real: EmbeddedImages, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    made = EmbeddedImages(
        (real.embeddings[::7] + 0.3 * rng.standard_normal((9, 6))).astype(np.float32), real.labels[::7]
    )
    some = EmbeddedImages(made.embeddings[made.labels > 0], made.labels[made.labels > 0])
    for given, names in ((made, "dcba"), (some, "abcd")):
        found = filter_embeddings(named(real, names), named(given, names), scorer)
        assert np.allclose(found.scores, filter_embeddings(real, given, scorer).scores, rtol=1e-3)
    file = saved(tmp_path / "x.npz", embeddings=real.embeddings, labels=np.array(list("dcba"))[real.labels])
    assert read_embedding_file(file).names == ("a", "b", "c", "d")
    assert to_embedded_images(([[1.0], [2.0]], np.array(["x", "y"], dtype=object)), "real").names == ("x", "y")


@pytest.mark.parametrize("scorer", ["auto", *sorted(SCORERS)])
def test_a_model_that_sees_everything_alike_judges_nothing(scorer: str, real: EmbeddedImages) -> None:
    for collapsed in (real.embeddings * 0, 1 + real.embeddings * 1e-7):
        alike = EmbeddedImages(collapsed, real.labels)
        with pytest.raises(SetupError, match="all 60 real embeddings are the same vector"):
            filter_embeddings(alike, alike, scorer)


def test_numbers_too_large_are_refused_without_a_warning(real: EmbeddedImages) -> None:
    with pytest.raises(SetupError, match="numbers too large in 60 rows"):
        to_embedded_images((real.embeddings.astype(np.float64) * 1e300, real.labels), "real")


def test_names_that_the_real_images_lack_are_told(real: EmbeddedImages) -> None:
    with pytest.raises(ToolError, match="no real image has class 'x'; leave"):
        filter_embeddings(named(real, "abcd"), named(real, "abcx"))
    with pytest.raises(SetupError, match="use the same in both"):
        filter_embeddings(named(real, "abcd"), real)


def test_embeddings_that_were_not_made_alike_are_told(real: EmbeddedImages) -> None:
    assert filter_embeddings(real, real).remarks == ()
    holes = EmbeddedImages(real.embeddings * (np.arange(60) > 1)[:, None], real.labels)
    assert filter_embeddings(real, holes).remarks == (
        "2 synthetic embeddings are all zeros, the first in row 0: check that these images were embedded",
    )
    (remark,) = filter_embeddings(real, EmbeddedImages(real.embeddings * 40, real.labels)).remarks
    assert remark.startswith("the median length of real embeddings is 1.0")


@pytest.mark.parametrize("scorer", ["isolation", "lof"])
def test_what_is_usual_cannot_be_learned_from_one_image_a_class(scorer: str, real: EmbeddedImages) -> None:
    lone = EmbeddedImages(real.embeddings[::15], real.labels[::15])
    with pytest.raises(ToolError, match=r"differ.*; use `margin`"):
        filter_embeddings(lone, real, scorer)
    assert np.isfinite(filter_embeddings(lone, real, "margin").scores).all()
