from __future__ import annotations

from pathlib import Path

import pytest

from atlantis_core.base.atomic_file import check_writable, write_atomically


def test_a_file_appears_whole_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "facts.json"
    target.write_text("old")
    with write_atomically(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "facts.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), write_atomically(target) as part:
        part.write_text(f"half {1 // 0}")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("facts.json", "old")]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "facts.json"
    with write_atomically(target) as first, write_atomically(target) as second:
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first", "the outer one ends last"


@pytest.mark.parametrize("name", ["x" * 255, "facts.json"])
def test_a_place_is_tried_without_leaving_anything(tmp_path: Path, name: str) -> None:
    check_writable(tmp_path / name)
    assert list(tmp_path.iterdir()) == []
    with write_atomically(tmp_path / name) as part:
        part.write_text("as long as names may be")


def test_a_name_that_is_too_long_and_a_folder_that_is_not_are_told_before_the_work(tmp_path: Path) -> None:
    for target in (tmp_path / ("x" * 256), tmp_path / "nowhere" / "a"):
        with pytest.raises(OSError, match=r"File name too long|No such file"):
            check_writable(target)
