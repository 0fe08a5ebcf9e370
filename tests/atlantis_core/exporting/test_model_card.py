"""The card can be read by the hub, and no name in it can act."""

from __future__ import annotations

from dataclasses import replace

import pytest
from huggingface_hub import ModelCard

from atlantis_core.exporting.card_facts import ModelFacts
from atlantis_core.exporting.evidence import Figures, TrialEvidence
from atlantis_core.exporting.markdown import code_span
from atlantis_core.exporting.model_card import write_model_card
from atlantis_core.exporting.onnx_file import OnnxAgreement
from atlantis_core.records import Interval

HOSTILE = "a`b|c\n---\nlicense: mit\n# <script>alert(1)</script>\u202e"

FIGURES = Figures("this model", {1: 0.75}, {"map_at_r": 0.5, "r_precision": 0.6}, Interval(0.75, 0.61, 0.85, 40))
EVIDENCE = TrialEvidence(1200, 34, 17, "unseen", 40, 80, (FIGURES, replace(FIGURES, name="frozen")), judged=False)
ABOUT = ModelFacts(
    architecture="vit_small_patch16_224.dino",
    base_model="timm/vit_small_patch16_224.dino",
    base_license="apache-2.0",
    source="hub",
    dims=128,
    side_px=224,
    embedding="head",
    distance="cosine",
    c=None,
    recipe={"steps": 120, "loss": "supcon"},
    seed=3,
    evidence=EVIDENCE,
    with_onnx=False,
    agreement=None,
)


def test_the_front_matter_is_the_hubs() -> None:
    data = ModelCard(write_model_card(ABOUT)).data.to_dict()
    assert data == {
        "library_name": "timm",
        "pipeline_tag": "image-feature-extraction",
        "base_model": "timm/vit_small_patch16_224.dino",
        "tags": ["image-retrieval", "metric-learning", "atlantis"],
    }


def test_it_gives_counts_recipe_and_figures_with_intervals() -> None:
    text = write_model_card(ABOUT)
    assert "1,200 images and 34 synthetic ones of 17 classes" in text
    assert "40 validation queries against 80 images: classes that were not trained on" in text
    assert "| this model | 0.750 | 0.610 to 0.850 | 0.500 | 0.600 |" in text
    assert "| Recall@1 | 95 % Wilson interval | MAP@R |" in text
    assert "`atlantis evaluate` gives bootstrap intervals and computes in full precision" in text
    assert "| `steps` | `120` |" in text
    assert "published under `apache-2.0`" in text
    assert "None is chosen here" in text
    assert "Without torch" not in text
    assert "only those with" not in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"evidence": None}, "None are known here"),
        ({"recipe": None, "seed": None}, "Limits"),
        ({"c": 0.1, "distance": "hyperbolic"}, "curvature -0.1, compared by hyperbolic distance (not by cosine)"),
        ({"with_onnx": True}, "Not compared with torch"),
        ({"with_onnx": True, "agreement": OnnxAgreement(2e-7, 3, 8)}, "3 random and 8 real images"),
        ({"source": "scratch", "base_model": ""}, "started from random weights"),
        ({"source": "file", "base_model": ""}, "whose licence is unknown"),
        ({"embedding": "body"}, "pooled features of the backbone"),
        ({"recipe": {"validate_every": 5}}, "selected by these same queries"),
        (
            {"evidence": replace(EVIDENCE, restricted=("queries", "gallery"))},
            "Of the queries and the gallery only those",
        ),
        ({"evidence": replace(EVIDENCE, judged=True)}, "selected by these same queries"),
        ({"evidence": replace(EVIDENCE, missing=("the frozen backbone is gone",))}, "Not here: the frozen"),
    ],
)
def test_it_describes_the_model(changes: dict[str, object], expected: str) -> None:
    assert expected in write_model_card(replace(ABOUT, **changes))  # type: ignore[arg-type]


def test_a_metric_that_is_newer_than_the_figures_is_a_dash() -> None:
    text = write_model_card(replace(ABOUT, evidence=replace(EVIDENCE, figures=(replace(FIGURES, scores={}),))))
    assert "| this model | 0.750 | 0.610 to 0.850 | - | - |" in text


def test_names_cannot_act() -> None:
    hostile = replace(ABOUT, architecture=HOSTILE, base_license=HOSTILE, recipe={HOSTILE: HOSTILE})
    text = write_model_card(hostile)
    assert ModelCard(text).data.to_dict() == ModelCard(write_model_card(ABOUT)).data.to_dict()
    assert "\u202e" not in text
    for line in text.splitlines():
        assert line.count("`") % 2 == 0 or line.startswith("```")
        if "<script>" in line:
            assert "<script>" not in "".join(line.split("`")[::2])  # only inside code spans
    assert code_span("") == "` `"


def test_figures_of_an_opened_test_split_are_shown() -> None:
    one = {"recall_at": {"1": 0.5}, "map_at_r": 0.25, "r_precision": 0.3, "queries": 1234}
    text = write_model_card(
        replace(ABOUT, evidence=replace(EVIDENCE, test={"frozen": one, "baseline": one, "final": one}))
    )
    assert "Opened once, after all choices; 1,234 queries." in text
    assert "| final (mean over seeds) | 0.500 | 0.250 |" in text
