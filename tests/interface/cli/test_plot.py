"""`atlantis plot`, through the command itself."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from atlantis_dml.cli.main import main
from tests.interface.measured import HOSTILE, Trained, near, slow_rows, train

pytestmark = pytest.mark.slow  # a model is trained once for all


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(tmp_path_factory.mktemp("trained"))


def plotted(
    kind: str, trained: Trained, out: Path, capsys: pytest.CaptureFixture[str], *words: str
) -> dict[str, Any]:
    asked = ["plot", kind, trained.model, str(trained.photos), "--workspace", str(trained.workspace)]
    assert main([*asked, "--out", str(out), *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.data: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.data.append(data)


def test_a_map_marks_the_misses_that_a_slow_loop_finds(trained, tmp_path, capsys):
    found = plotted("map", trained, tmp_path / "map.svg", capsys)
    task = trained.task()
    rows = slow_rows(task, trained.embeddings("head", task), "hyperbolic", lambda *_: False)
    missed = {row["image"].id for row in rows if row["first"] > 0}
    assert missed
    assert {point["id"] for point in found["points"] if point["miss"]} == missed
    assert (found["images"], found["queries"], found["misses"]) == (42, len(rows), len(missed))
    assert found["distance"] == "hyperbolic:0.1"
    root = ET.parse(tmp_path / "map.svg").getroot()
    ringed = [one for one in root.iter("{http://www.w3.org/2000/svg}circle") if "stroke" in one.attrib]
    assert len([one for one in ringed if "data-key" in one.attrib]) == len(missed)


def test_the_same_seed_draws_the_same(trained, tmp_path, capsys):
    asked = {"a": ["--seed", "1"], "b": ["--seed", "1"], "c": ["--seed", "2"]}
    for name, words in asked.items():
        plotted("map", trained, tmp_path / f"{name}.svg", capsys, "--images", "30", *words)
    first, second, third = ((tmp_path / f"{name}.svg").read_text() for name in "abc")
    assert first == second != third


def test_a_page_shows_photos_and_runs_no_text_of_the_collection(trained, tmp_path, capsys):
    plotted("map", trained, tmp_path / "map.html", capsys)
    text = (tmp_path / "map.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.tags.count("script") == 2, "the data and the page's own"
    assert any(HOSTILE in data for data in page.data)
    assert HOSTILE not in text
    thumbnails = json.loads(re.findall(r'application/json">(.*?)</script>', text)[0])
    assert len(thumbnails) == 42
    assert all(one.startswith("data:image/jpeg;base64,") for one in thumbnails.values())
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)


def test_fewer_images_are_drawn_when_asked(trained, tmp_path, capsys):
    found = plotted("map", trained, tmp_path / "map.png", capsys, "--images", "10", "--colour", "camera")
    assert (found["images"], found["not_drawn"]) == (10, 32)
    assert sum(point["query"] for point in found["points"]) == 5
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.format == "PNG"
        assert len(picture.convert("RGB").getcolors(2**20) or ()) > 20


def test_a_map_is_coloured_by_a_column_that_is_no_facet(trained, tmp_path, capsys):
    found = plotted("map", trained, tmp_path / "map.svg", capsys, "--colour", "object", "--query", "object=0/3")
    assert (found["colour"], found["queries"]) == ("object", 1)
    assert "0/3 (2)" in (tmp_path / "map.svg").read_text()


def test_a_similarity_map_is_the_mean_over_pairs(trained, tmp_path, capsys):
    found = plotted("heatmap", trained, tmp_path / "h.html", capsys)
    task = trained.task()
    queries, gallery = trained.embeddings("head", task)
    images = [*zip(task.queries, queries, strict=True), *zip(task.gallery, gallery, strict=True)]
    for row, one in enumerate(found["classes"]):
        for column, other in enumerate(found["classes"]):
            pairs = [
                near("hyperbolic", x, y) / 0.1**0.5
                for image, x in images
                for partner, y in images
                if (image.label, partner.label) == (one, other) and image.id != partner.id
            ]
            assert found["matrix"][row][column] == pytest.approx(np.mean(pairs), rel=1e-4)
    assert HOSTILE not in (tmp_path / "h.html").read_text()


def test_a_confusion_map_counts_first_answers(trained, tmp_path, capsys):
    found = plotted("heatmap", trained, tmp_path / "h.svg", capsys, "--of", "confusion")
    points = plotted("map", trained, tmp_path / "m.svg", capsys)["points"]
    for row, one in enumerate(found["classes"]):
        answers = [point["answer"] for point in points if point["query"] and point["class"] == one]
        shares = [answers.count(other) / len(answers) for other in found["classes"]]
        assert found["matrix"][row] == pytest.approx(shares)
    cells = [one for one in ET.parse(tmp_path / "h.svg").iter() if "\u2192" in (one.text or "")]
    assert len(cells) == 9


def test_the_most_mistaken_classes_are_drawn_when_there_are_too_many(trained, tmp_path, capsys):
    points = plotted("map", trained, tmp_path / "m.svg", capsys)["points"]
    found = plotted("heatmap", trained, tmp_path / "h.png", capsys, "--classes", "2")
    pairs = [(point["class"], point["answer"]) for point in points if point["miss"]]
    most = max(pairs.count(pair) for pair in pairs)
    assert found["not_drawn"] == 1
    assert any(pairs.count(pair) == most for pair in pairs if set(pair) == set(found["classes"]))


@pytest.mark.parametrize(
    ("words", "culprit"),
    [
        (["map", "--out", "{}/a.pdf"], "must end in one of .html, .svg, .png"),
        (["map", "--out", "{}/none/a.svg"], "there is no folder"),
        (["heatmap", "--out", "{}/there.svg"], "already exists"),
        (["map", "--out", "{}/folder.svg"], "already exists"),
        (["map", "--out", "{}/a.svg", "--colour", "mood"], "--colour: there is no metadata column 'mood'"),
        (["heatmap", "--out", "{}/a.svg", "--of", "love"], "unknown kind of heat map 'love'"),
        (["map", "--out", "{}/a.svg", "--query", "camera=z"], "leaves no image"),
        (["heatmap", "--out", "{}/a.svg", "--classes", "1"], "--classes"),
        (["map"], "--out"),
    ],
)
def test_a_mistake_is_one_line_and_loses_nothing(words, culprit, trained, tmp_path, capsys):
    (tmp_path / "there.svg").write_text("mine")
    (tmp_path / "folder.svg").mkdir()
    kind, *rest = (word.format(tmp_path) for word in words)
    asked = ["plot", kind, trained.model, str(trained.photos), "--workspace", str(trained.workspace), *rest, "--json"]
    assert main(asked) == 2
    answered = capsys.readouterr()
    assert culprit in json.loads(answered.out)["error"]
    assert "Traceback" not in answered.err
    assert (tmp_path / "there.svg").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix) == ["folder.svg", "there.svg"]


def test_an_empty_file_is_filled(trained, tmp_path, capsys):
    (tmp_path / "m.svg").touch()
    plotted("map", trained, tmp_path / "m.svg", capsys)
    assert (tmp_path / "m.svg").stat().st_size
