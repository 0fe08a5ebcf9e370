"""What a person's responses to drafts come to, and how earlier ones are taken back."""

from __future__ import annotations

import pytest
from goal_cases import COLLECTIONS

from atlantis_core.records import Protocol, Response
from atlantis_core.run.responses import read_wish

DRAFT = Protocol("p", 1, "edit", (), "", "", "margin", 1.0, 0.0)


@pytest.mark.parametrize(
    ("words", "left_out", "images"),
    [
        (("without fog", "take that back"), (), None),
        (("without fog, and 5 images", "forget what I said"), (), None),
        (("without fog", "fog again, please"), (), None),
        (("without fog", "allow fog"), (), None),
        (("without fog", "without night", "undo"), ("fog",), None),
        (("without fog", "without night", "take that back", "take that back"), (), None),
        (("without fog", "without night", "forget everything I said"), (), None),
        (("without fog", "scratch that, without night"), ("night",), None),
        (("without fog", "I changed my mind, 5 images"), (), 5),
        (("without fog", "do not include fog"), ("fog",), None),
        (("without fog and night", "night again"), ("fog",), None),
        (("without fog", "forget fog"), ("fog",), None),
        (("not 20 images but 5",), (), 5),
        (("take that back",), (), None),
    ],
)
def test_wishes_can_be_taken_back(words: tuple[str, ...], left_out: tuple[str, ...], images: int | None) -> None:
    wish = read_wish([Response("respond", DRAFT, one) for one in words], COLLECTIONS["boats"])
    assert (tuple(cell.value for cell in wish.skip), wish.images) == (left_out, images)
