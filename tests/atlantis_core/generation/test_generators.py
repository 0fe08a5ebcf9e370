"""The contract of every generator."""

import json
from pathlib import Path

import numpy as np
import pytest

from atlantis_core.base.errors import ToolError
from atlantis_core.base.ports import GENERATORS, Capable, Generator
from atlantis_core.base.registry import build_part
from atlantis_core.generation.edits import BORROWING_EDITS, EDITS
from tests.atlantis_core.generation.conftest import photo


@pytest.fixture(params=sorted(GENERATORS))
def generator(request, tiny_pipeline, source, tmp_path):
    (tmp_path / "grounds").mkdir()
    photo(7).save(tmp_path / "grounds" / "ground.png")
    told = {
        "cut_paste": f":{tmp_path / 'grounds'}",
        "diffusion": f":{tiny_pipeline}?steps=2&batch=4&strength=0.9",
        "retrieve": f":{Path(source.path).parent}",
    }
    return build_part(GENERATORS, request.param + told.get(request.param, ""), "generator", Generator)


def test_it_has_a_name_and_a_version(generator):
    assert generator.name in GENERATORS
    assert generator.version
    assert generator.modes
    assert isinstance(generator.notice, str)


def test_it_says_what_it_can_show_and_names_no_edit_that_there_is_not(generator):
    assert isinstance(generator, Capable)
    known = generator.capabilities
    assert known.can
    assert known.cannot
    assert (known.edits or set()) | known.borrows <= {*EDITS, *BORROWING_EDITS}


def test_one_rgb_image_per_request_in_order(generator, ask):
    requests = [ask(value, seed) for seed, value in enumerate(("night", "fog", "unheard-of"))]
    images = list(generator.generate(requests))
    assert [image.mode for image in images] == ["RGB"] * 3
    assert list(generator.generate([])) == []


def test_the_same_request_gives_the_same_image_whatever_the_batch_or_order(generator, ask):
    requests = [ask(value, seed) for seed in range(2) for value in ("night", "storm", "unheard-of")]
    together = [np.asarray(image) for image in generator.generate(requests)]
    backwards = [np.asarray(image) for image in generator.generate(requests[::-1])][::-1]
    alone = [np.asarray(next(iter(generator.generate([request])))) for request in requests]
    for first, second, third in zip(together, backwards, alone, strict=True):
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(first, third)


def test_another_seed_gives_another_image(generator, ask):
    if generator.modes == ("retrieve",):
        pytest.skip("a real photo is what it is")
    first, second = (np.asarray(image, dtype=float) for image in generator.generate([ask("fog", 1), ask("fog", 2)]))
    assert np.abs(first - second).mean() > 2


def test_settings_are_plain_data_and_depend_on_the_request_alone(generator, ask):
    settings = generator.settings(ask("night", 5))
    assert json.loads(json.dumps(settings)) == settings
    assert generator.settings(ask("night", 5)) == settings


def test_the_short_side_is_what_was_asked_for(generator, ask):
    (small,) = generator.generate([ask("night", side_px=24)])
    assert min(small.size) == 24


def test_an_unreadable_source_is_a_tool_error_that_names_it(generator, ask, source):
    Path(source.path).write_bytes(b"no image")
    with pytest.raises(ToolError, match=r"source\.png"):
        list(generator.generate([ask("night")]))
