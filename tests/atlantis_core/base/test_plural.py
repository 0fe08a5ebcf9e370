"""Numbers with what they count."""

from __future__ import annotations

import pytest

from atlantis_core.base.plural import count_noun


@pytest.mark.parametrize(
    ("count", "names", "told"),
    [
        (0, ("image",), "0 images"),
        (1, ("image",), "1 image"),
        (1200, ("image",), "1,200 images"),
        (1, ("class", "classes"), "1 class"),
        (2, ("class", "classes"), "2 classes"),
    ],
)
def test_one_is_told_as_one(count: int, names: tuple[str, ...], told: str) -> None:
    assert count_noun(count, *names) == told
