"""Captioning with any transformers model by folder, and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.captioning.conditions import find_conditions
from atlantis_core.captioning.transformers import TransformersCaptioner
from tests.atlantis_core.captioning.test_captioners import photo, saved


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a red trawler at night in thick fog", {"time": "night", "weather": "fog"}),
        ("A Rainy street, close-up", {"weather": "rain", "place": "outdoors", "view": "close up"}),
        ("a knight in a brainy storm", {"weather": "storm"}),
        ("a boat", {}),
    ],
)
def test_a_caption_gives_the_conditions_that_it_names_and_no_others(text: str, named: dict[str, str]) -> None:
    assert find_conditions(text) == named


def test_a_prompt_begins_the_caption(tiny_blip: Path, tmp_path: Path) -> None:
    image = saved(tmp_path, "p", photo(1))
    (plain,) = TransformersCaptioner(f"{tiny_blip}?max_tokens=4").caption([image])
    (led,) = TransformersCaptioner(f"{tiny_blip}?max_tokens=4&prompt=the+boat+at+night").caption([image])
    assert led.text.startswith("the boat at night")
    assert led.attributes["time"] == "night"
    assert not plain.text.startswith("the boat at night")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no weights"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "pickled"),
    ],
)
def test_what_is_no_sound_model_is_refused_before_anything_is_loaded(
    broken: Callable[[Path], object], message: str, tiny_blip: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_blip, folder)
    broken(folder)
    with pytest.raises(SetupError, match=message):
        TransformersCaptioner(str(folder))


def test_damaged_weights_are_one_line(tiny_blip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_blip, folder)
    (folder / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(SetupError, match="cannot be loaded"):
        TransformersCaptioner(str(folder)).caption([saved(tmp_path, "p", photo(1))])


@pytest.mark.parametrize(
    ("address", "message"),
    [("", "no model"), ("x?tokens=3", "'tokens'"), ("no-one/nothing", r"no-one/nothing.*hf download")],
)
def test_a_wrong_address_says_what_to_do(address: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        TransformersCaptioner(address)


def test_a_batch_of_nothing_is_refused(tiny_blip: Path) -> None:
    with pytest.raises(SetupError, match="batch must be 1 or more, not 0"):
        TransformersCaptioner(f"{tiny_blip}?batch=0")
