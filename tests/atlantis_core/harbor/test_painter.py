"""The painter's lists, and its training: resumable, and ending in a pipeline that the diffusion generator loads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atlantis_core.base.ports import no_progress
from atlantis_core.captioning.transformers import TransformersCaptioner
from atlantis_core.generation.diffusion.generator import DiffusionGenerator
from atlantis_core.generation.diffusion.model_facts import BUNDLED_MODELS
from atlantis_core.harbor import seeds
from atlantis_core.harbor.renderer import RENDERER_VERSION, render
from atlantis_core.harbor.scene import sample_scene
from atlantis_core.harbor.training.painter import curriculum
from atlantis_core.harbor.training.painter.__main__ import Recipe, main, train_painter
from atlantis_core.harbor.training.painter.examiner import generate_images, list_exam_subjects, report, train_examiner
from atlantis_core.harbor.training.painter.pool import Pool, load_pool
from atlantis_core.harbor.vocabulary import CLASSES, CONDITIONS, DEMO_CLASSES, caption_for
from atlantis_core.harbor.world_files import list_world_images
from atlantis_core.harbor.worlds import planted_gap_world
from atlantis_core.records import Cell, GenerationRequest, LabelledImage

TINY = Recipe(text_steps=2, decoder_steps=2, denoiser_steps=3, batch=2)


@pytest.fixture(scope="module")
def pool() -> Pool:
    shown = [(0, 0), (100, 1), (200, 2), (335, 5)]
    images = np.stack([render(curriculum.training_scene(*pair, 0)) for pair in shown])
    boxes = np.tile(np.array([0.2, 0.3, 0.8, 0.7], np.float32), (len(shown), 1))
    return Pool(images, np.array(shown), boxes)


def test_one_combination_in_eight_is_held_out_of_every_condition_and_of_the_demo_too() -> None:
    every = [(c, condition) for c in CLASSES for condition in CONDITIONS]
    held_out = [pair for pair in every if curriculum.is_held_out(*pair)]
    assert 0.09 < len(held_out) / len(every) < 0.16
    assert {condition for _, condition in held_out} == set(CONDITIONS)
    assert set(DEMO_CLASSES) & {c for c, _ in held_out}
    trained = set(curriculum.combinations())
    assert len(trained) == len(every) - len(held_out)
    assert {number for number, _ in trained} == set(range(len(CLASSES))), "every class is known"


def test_it_sees_no_picture_of_any_world() -> None:
    seen = {curriculum.training_scene(number, 1, index).seed for number in range(0, 336, 50) for index in range(3)}
    assert min(seen) >= seeds.PAINTER
    worlds = {image.scene.seed for seed in (0, 1) for image in list_world_images(planted_gap_world(seed))}
    assert max(worlds) < seeds.WORLDS_BELOW <= seeds.PAINTER


def test_prompts_say_what_is_shown_in_many_ways() -> None:
    rng = np.random.default_rng(0)
    prompts = {curriculum.sample_prompt(CLASSES[5], "night", rng) for _ in range(80)}
    shown = CLASSES[5]
    assert len(prompts) > 20
    assert all(word in prompt for prompt in prompts for word in (shown.vessel, shown.hull, shown.trim))
    assert any(shown.label in prompt for prompt in prompts)


@pytest.mark.slow
def test_the_pool_is_rendered_once_and_holds_nothing_that_is_held_out(tmp_path: Path) -> None:
    first = load_pool(tmp_path, 1, no_progress)
    assert {tuple(pair) for pair in first.shown.tolist()} == set(curriculum.combinations())
    assert first.images.shape[1:] == (64, 64, 3)
    assert ((first.boxes[:, 0] < first.boxes[:, 2]) & (first.boxes[:, 1] < first.boxes[:, 3])).all()

    def never(what: str, done: int, total: int) -> None:
        raise AssertionError(f"{what} again")

    np.testing.assert_array_equal(load_pool(tmp_path, 1, never).images, first.images)


@pytest.fixture(scope="module")
def tiny_painter(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline after three steps of training: it draws nothing yet."""
    work = tmp_path_factory.mktemp("painter")
    assert train_painter(TINY, pool, work, "cpu", None)
    return work / "pipeline"


@pytest.mark.slow
def test_a_training_cut_short_ends_like_one_that_was_not(pool: Pool, tiny_painter: Path, tmp_path: Path) -> None:
    whole, cut = tiny_painter.parent, tmp_path / "cut"
    calls = 0
    while not train_painter(TINY, pool, cut, "cpu", deadline=0.0):
        calls += 1
        assert calls < 12
    assert calls == 3, "it was cut within the text encoder, the decoder and the denoiser"
    weights = Path("pipeline") / "unet" / "diffusion_pytorch_model.safetensors"
    assert (whole / weights).read_bytes() == (cut / weights).read_bytes()
    facts = json.loads((whole / "pipeline" / "training.json").read_text())
    assert facts["complete"]
    assert len(facts["held_out"]) == 336 * 6 - len(set(curriculum.combinations()))
    steps = [int(line.split(",")[0]) for line in (whole / "denoiser.csv").read_text().splitlines()]
    assert steps == [3]

    cell = Cell("trawler-red-white", "condition", "night")
    request = GenerationRequest("k", cell, "a photo of trawler-red-white, at night", 1, "", "", 64)
    (image,) = DiffusionGenerator(f"{whole / 'pipeline'}?steps=2").generate([request])
    assert image.size == (64, 64)


def test_the_exam_asks_for_every_condition_and_keeps_held_out_combinations_apart() -> None:
    seen, unseen = list_exam_subjects(60, held_out=False), list_exam_subjects(60, held_out=True)
    assert not [pair for pair in seen if curriculum.is_held_out(*pair)]
    assert all(curriculum.is_held_out(*pair) for pair in unseen)
    assert [condition for _, condition in seen[:6]] == list(CONDITIONS)
    assert list_exam_subjects(60, held_out=True) == unseen


@pytest.mark.slow
def test_the_examiner_learns_to_tell_conditions_and_marks_drawings(tiny_painter: Path, tmp_path: Path) -> None:
    examiner = train_examiner(40, tmp_path, "cpu", no_progress)
    shown = list_exam_subjects(60, held_out=False)
    images = np.stack([render(sample_scene(*pair, place)) for place, pair in enumerate(shown)])
    marks = examiner.marks(images, shown)
    assert marks.condition > 0.6, "by chance 0.17 would be right"
    assert marks.class_right <= min(marks.vessel, marks.hull, marks.trim)
    table = report(examiner, f"{tiny_painter}?steps=1", 12).splitlines()
    assert len(table) == 2 + 1 + 2 * (1 + len(CONDITIONS))


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "--minutes" in capsys.readouterr().out


def test_the_shipped_painter_is_small_safe_complete_and_has_seen_what_the_lists_say() -> None:
    folder = BUNDLED_MODELS["harbor"]
    files = [path for path in folder.parent.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 40_000_000
    assert {path.suffix for path in files} <= {".safetensors", ".json", ".txt"}
    facts = json.loads((folder / "training.json").read_text())
    assert facts["complete"]
    assert facts["renderer_version"] == RENDERER_VERSION
    assert facts["held_out"] == [
        f"{c.label}/{place}" for c in CLASSES for place in CONDITIONS if curriculum.is_held_out(c, place)
    ]


@pytest.mark.slow
def test_the_shipped_painter_draws_the_condition_it_is_asked_for(tmp_path: Path) -> None:
    shown = list_exam_subjects(24, held_out=False)
    photos = []
    for number, drawing in enumerate(generate_images("harbor", shown)):
        path = tmp_path / f"{number}.png"
        Image.fromarray(drawing).save(path)
        photos.append(LabelledImage(str(number), str(path), "unknown", "train"))
    told = TransformersCaptioner("harbor").caption(photos)
    right = [
        one.text.endswith(caption_for(*pair).split(pair[0].vessel)[1]) for pair, one in zip(shown, told, strict=True)
    ]
    vessel = [f" {pair[0].vessel} " in one.text for pair, one in zip(shown, told, strict=True)]
    assert sum(right) >= 22
    assert sum(vessel) >= 17
