"""The bundled captioner: what it was taught on, its training, and what the shipped one says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlantis_core.base.ports import no_progress
from atlantis_core.captioning.transformers import BUNDLED, TransformersCaptioner
from atlantis_core.harbor import seeds
from atlantis_core.harbor.renderer import RENDERER_VERSION, render
from atlantis_core.harbor.scene import Scene, sample_scene
from atlantis_core.harbor.training.captioner.__main__ import Recipe, main, render_batch, train_captioner
from atlantis_core.harbor.training.captioner.exam import examine_captioner, report
from atlantis_core.harbor.training.captioner.model import list_words, make_processor
from atlantis_core.harbor.vocabulary import (
    CLASSES,
    CONDITIONS,
    DEMO_CLASSES,
    PRETRAIN_CLASSES,
    VesselClass,
    caption_for,
)

TINY = Recipe(steps=3, batch=2)


def test_every_word_of_every_caption_is_one_token_the_demos_too() -> None:
    tokenizer = make_processor().tokenizer
    for shown in (*DEMO_CLASSES, *PRETRAIN_CLASSES[:50]):
        for condition in CONDITIONS:
            said = caption_for(shown, condition)
            tokens = tokenizer(said).input_ids
            assert tokenizer.unk_token_id not in tokens
            assert len(tokens) == len(said.split()) + 2
            assert tokenizer.decode(tokens, skip_special_tokens=True) == said
    assert len(list_words()) == len(set(list_words()))


@pytest.mark.slow
def test_a_training_cut_short_ends_like_one_that_was_not(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    marks = train_captioner(TINY, whole, "cpu", no_progress)
    assert marks is not None
    assert train_captioner(TINY, cut, "cpu", no_progress, deadline=0.0) is None
    while train_captioner(TINY, cut, "cpu", no_progress, deadline=0.0) is None:
        pass
    weights = Path("captioner") / "model.safetensors"
    assert (whole / weights).read_bytes() == (cut / weights).read_bytes()
    facts = json.loads((whole / "captioner" / "training.json").read_text())
    assert len(facts["marks"]) == 2 * (1 + len(CONDITIONS))
    assert len(report(marks).splitlines()) == 2 + len(marks)


def test_the_shipped_captioner_meets_its_bar_on_pictures_nobody_has_seen() -> None:
    for line in examine_captioner("harbor", per_condition=20):
        if line.images == 20 * len(CONDITIONS):
            assert line.condition >= 0.95, line
            assert line.vessel >= 0.9, line


def test_it_was_taught_on_no_picture_of_a_world_nor_on_any_judging_picture() -> None:
    facts = json.loads((BUNDLED["harbor"] / "training.json").read_text())
    assert facts["renderer_version"] == RENDERER_VERSION
    assert facts["classes"] == [c.label for c in CLASSES]
    used: list[int] = []

    def noted(vessel_class: VesselClass, condition: str, seed: int) -> Scene:
        used.append(seed)
        return sample_scene(vessel_class, condition, seed)

    render_batch(0, 2, noted)
    render_batch(facts["recipe"]["steps"] - 1, facts["recipe"]["batch"], noted)
    assert seeds.WORLDS_BELOW < min(used) < max(used) < seeds.EXAMS
    assert max(used) - min(used) == facts["recipe"]["steps"] * facts["recipe"]["batch"] - 1, "none is seen twice"


def test_conditions_become_facets(tmp_path: Path) -> None:
    from PIL import Image

    from atlantis_core.records import LabelledImage

    photos = []
    for place, condition in enumerate(CONDITIONS):
        path = tmp_path / f"{place}.png"
        Image.fromarray(render(sample_scene(DEMO_CLASSES[0], condition, seeds.EXAMS - 1 - place))).save(path)
        photos.append(LabelledImage(str(place), str(path), "unknown", "train"))
    told = TransformersCaptioner("harbor").caption(photos)
    values = [next(iter(one.attributes.values()), None) for one in told]
    assert sum(value == condition for value, condition in zip(values, CONDITIONS, strict=True)) >= 5


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "--minutes" in capsys.readouterr().out
