"""The model card of an exported retriever: Markdown with the front matter of Hugging Face's hub."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from atlantis_core.base.plural import count_noun
from atlantis_core.exporting.evidence import Figures, TrialEvidence
from atlantis_core.exporting.input_snippet import input_snippet
from atlantis_core.exporting.markdown import code_span, markdown_table
from atlantis_core.exporting.onnx_file import FILE_NAME, INPUT, OUTPUT, TOLERANCE, OnnxAgreement
from atlantis_core.metrics import METRICS


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a card tells of a model."""

    architecture: str
    base_model: str
    """Name on the hub; empty where the weights came from a file or from nowhere."""
    base_license: str
    """Of `base_model`, as timm knows it; empty where it does not."""
    source: str
    """Where training began: `file`, `cache`, `hub` or `scratch`."""
    dims: int
    side_px: int
    embedding: str
    """`head` or `body`."""
    distance: str
    """How embeddings are searched."""
    c: float | None
    """The ball's curvature is -c; None on the sphere."""
    recipe: Mapping[str, Any] | None
    """None for a model that was not trained here."""
    seed: int | None
    evidence: TrialEvidence | None
    with_onnx: bool
    agreement: OnnxAgreement | None
    """None also where onnxruntime was not there to compare."""
    crop: Mapping[str, Any] = field(default_factory=dict)
    """`Backbone.crop`; empty where the central square is scaled, bicubic."""
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Of the normalised input, RGB in 0..1."""
    earlier_preprocessing: str = ""
    """`timm_config.earlier_preprocessing`; empty where images are prepared as timm says."""


def write_model_card(about: ModelFacts) -> str:
    """Return the card as Markdown; whatever came from a file is in code spans, without marks that end them."""
    parts = [
        _front_matter(about),
        f"# Image retriever: {code_span(about.architecture)}",
        _describe_model(about),
        _usage_section(about),
        *([_onnx_section(about)] if about.with_onnx else []),
        _data_section(about.evidence),
        *([_training_section(about)] if about.recipe is not None else []),
        _validation_section(about),
        _limits_section(about),
        _licence_section(about),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(about: ModelFacts) -> str:
    lines = ["---", "library_name: timm", "pipeline_tag: image-feature-extraction"]
    if about.base_model:
        lines.append(f"base_model: {json.dumps(about.base_model)}")
    lines += [
        "tags:",
        *(f"- {tag}" for tag in ("image-retrieval", "metric-learning", "atlantis")),
        "# license: yours to choose before you publish; see the section on it below",
        "---",
    ]
    return "\n".join(lines)


def _describe_model(about: ModelFacts) -> str:
    space = (
        f"points of the Poincare ball of curvature -{about.c:g}, searched by hyperbolic distance (not by cosine)"
        if about.c is not None
        else "unit vectors, searched by cosine similarity"
    )
    below = "" if about.embedding == "head" else " They are the pooled features of the trunk; a head is not used."
    return (
        f"Turns a picture into {about.dims} numbers, so that pictures of one class lie near each other: {space}."
        f"{below} Made with ATLANTIS."
    )


def _usage_section(about: ModelFacts) -> str:
    kind = "points of the ball" if about.c is not None else "unit vectors"
    return f"""## Use
```python
from atlantis_dml import load_retriever
retriever = load_retriever("path/to/this/folder")
embeddings = retriever.embed(["a.jpg", "b.jpg"])  # {kind} (2, {about.dims})
```"""


def _onnx_section(about: ModelFacts) -> str:
    side = about.side_px
    found = about.agreement
    checked = (
        f"Compared with torch on {found.random_images} random and {found.pictures} real pictures when it was "
        f"exported: no number differs by more than {found.largest_difference:.1e} (allowed: {TOLERANCE:.0e})."
        if found
        else "It was not compared with torch: onnxruntime was not installed."
    )
    return f"""## Without torch
```python
import numpy as np, onnxruntime
from PIL import Image, ImageOps
picture = ImageOps.exif_transpose(Image.open("a.jpg"))
if picture.has_transparency_data:  # it is laid on white paper
    picture = picture.convert("RGBA")
    picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
picture = picture.convert("RGB")
{input_snippet(side, about.crop, about.mean)}
pixels = np.asarray(picture, np.float32).transpose(2, 0, 1)[None] / 255
session = onnxruntime.InferenceSession("{FILE_NAME}")
embeddings = session.run(["{OUTPUT}"], {{"{INPUT}": pixels}})[0]  # (1, {about.dims})
```
`{INPUT}` is float32 (N, 3, {side}, {side}), RGB in 0..1, for any N: the normalisation is inside the graph.

{checked}"""


def _data_section(evidence: TrialEvidence | None) -> str:
    if evidence is None:
        return "## Data\nNothing is known here of the images that it was trained on."
    made = f" and {count_noun(evidence.made, 'made one')}" if evidence.made else ""
    classes = (
        "other classes than those trained on"
        if evidence.regime == "unseen"
        else "the classes trained on, other images"
    )
    return (
        f"## Data\nTrained on {count_noun(evidence.real, 'image')}{made} of "
        f"{count_noun(evidence.classes, 'class', 'classes')}. Measured on "
        f"{evidence.queries:,} validation queries against {evidence.gallery:,} images: {classes}."
        f"{_restriction_note(evidence)}"
    )


def _restriction_note(evidence: TrialEvidence) -> str:
    if not evidence.restricted:
        return ""
    return (
        f" Of the {' and the '.join(evidence.restricted)} only those with a chosen value of a metadata column count "
        "here; figures of all may be better or worse."
    )


def _training_section(about: ModelFacts) -> str:
    began = {"scratch": "random weights", "file": "weights from a file"}.get(
        about.source, code_span(about.base_model or about.architecture)
    )
    settings = [(code_span(name), code_span(value)) for name, value in sorted((about.recipe or {}).items())]
    rows = [*settings, (code_span("seed"), code_span(about.seed))]
    return f"## Training\nBegan with {began}.\n\n{markdown_table(('setting', 'value'), rows)}"


def _validation_section(about: ModelFacts) -> str:
    if about.evidence is None:
        return "## Figures\nNone were kept with it; `atlantis evaluate FOLDER DATA` measures it on data of yours."
    rows = [_figures_row(figures) for figures in about.evidence.figures]
    titles = [metric.title for metric in METRICS.values()]
    parts = [f"## Figures on validation\n{markdown_table(('', 'Recall@1', '95 % Wilson interval', *titles), rows)}"]
    parts.append(
        "`atlantis evaluate` has bootstrap intervals, and full precision: where layers stay frozen, what they say of "
        "a picture is kept in half precision for the figures here, which may differ in the fourth digit."
    )
    parts += [f"Not here: {reason}." for reason in about.evidence.missing]
    chosen = about.evidence.judged or bool((about.recipe or {}).get("validate_every"))
    if chosen:
        parts.append("What was kept was chosen on these very queries, which flatters it a little.")
    if about.evidence.test:
        parts.append(_test_section(about.evidence.test))
    return "\n\n".join(parts)


def _figures_row(figures: Figures) -> Sequence[str]:
    at_1 = figures.recall_at_1
    interval = f"{at_1.low:.3f} to {at_1.high:.3f}"
    name = figures.name.replace("baseline", "baseline (real images only, mean over seeds)")
    return name, f"{at_1.value:.3f}", interval, *(f"{figures.scores[key]:.3f}" for key in METRICS)


def _test_section(found: Mapping[str, Any]) -> str:
    named = {"final": "final (mean over seeds)", "baseline": "baseline (mean over seeds)", "frozen": "frozen"}
    rows = [(named[name], f"{found[name]['recall_at']['1']:.3f}", f"{found[name]['map_at_r']:.3f}") for name in named]
    queries = f"{found['final']['queries']:,}"
    return (
        f"## Figures on the test split\nOpened once, after all choices; {queries} queries.\n\n"
        f"{markdown_table(('', 'Recall@1', 'MAP@R'), rows)}"
    )


def _prepared(about: ModelFacts) -> str:
    """Say how much of an image the model sees."""
    lost = f"{about.side_px} pixels: finer details are lost."
    if about.crop:
        filtered, share, mode = (about.crop[key] for key in ("interpolation", "crop_pct", "crop_mode"))
        return (
            f"Pictures are scaled ({filtered}) and cropped as the weights were published (timm's crop_mode {mode}, "
            f"crop_pct {share:g}) to {lost}"
        )
    earlier = f" {about.earlier_preprocessing}." if about.earlier_preprocessing else ""
    return f"Pictures are cut to their central square and scaled to {lost}{earlier}"


def _limits_section(about: ModelFacts) -> str:
    return f"""## Limits
- {_prepared(about)}
- The figures hold for data like the above. On other subjects, cameras or light, measure first: `atlantis evaluate`.
- Intervals are over queries, not over trainings: another seed gives other figures.
- It ranks by likeness and always finds something; whether anything right is in the gallery it does not say."""


def _licence_section(about: ModelFacts) -> str:
    known = f", which is published under {code_span(about.base_license)}" if about.base_license else ""
    began = f"It began with {code_span(about.base_model)}{known}" if about.base_model else ""
    nowhere = "It began with random weights"
    from_file = "It began with weights from a file, whose licence is not known here"
    start = began or (nowhere if about.source == "scratch" else from_file)
    return (
        f"## Licence\nNone is chosen here. {start}; the licences of those weights, of the training images and of "
        "whatever made images were drawn with may bind this model too. Choose one, and name it in the front matter."
    )
