"""The model card of an exported retriever: Markdown with the front matter of Hugging Face's hub."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from atlantis_core.base.plural import count_noun
from atlantis_core.base.text import format_figure
from atlantis_core.exporting.card_facts import ModelFacts
from atlantis_core.exporting.evidence import Figures, TrialEvidence
from atlantis_core.exporting.gallery_photos import FOLDER_NAME as GALLERY
from atlantis_core.exporting.input_snippet import decode_snippet, input_snippet
from atlantis_core.exporting.markdown import code_span, markdown_table
from atlantis_core.exporting.onnx_file import FILE_NAME, INPUT, OUTPUT, TOLERANCE
from atlantis_core.exporting.timm_section import write_timm_section
from atlantis_core.learning.serving.serving_file import FILE_NAME as SERVING_NAME
from atlantis_core.metrics import METRICS


def write_model_card(about: ModelFacts) -> str:
    """Return the card as Markdown; all text from files is in code spans that it cannot end."""
    parts = [
        _front_matter(about),
        f"# Image retriever: {code_span(about.architecture)}",
        _describe_model(about),
        _usage_section(about),
        *([_serving_section(about)] if about.serving else []),
        *([_gallery_section(about)] if about.gallery else []),
        *([write_timm_section(about)] if about.with_timm else []),
        *([_onnx_section(about)] if about.with_onnx else []),
        _data_section(about.evidence),
        *([_training_section(about)] if about.recipe is not None else []),
        _validation_section(about),
        _limits_section(about),
        _licence_section(about),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(about: ModelFacts) -> str:
    library = ["library_name: timm"] if about.with_timm else []
    lines = ["---", *library, "pipeline_tag: image-feature-extraction"]
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
        f"points of the Poincare ball of curvature -{about.c:g}, compared by hyperbolic distance (not by cosine)"
        if about.c is not None
        else "unit vectors, compared by cosine similarity"
    )
    below = "" if about.embedding == "head" else " They are the pooled features of the backbone, without a head."
    return (
        f"Embeds an image in {about.dims} numbers, so that images of one class are close together: {space}."
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


def _serving_section(about: ModelFacts) -> str:
    fitted = f" and has the embeddings of the {about.reference:,} photos that it is fitted on" * bool(about.reference)
    return f"""## Search
The figures below are of the serving {code_span(about.serving)}, not of the nearest photo. `{SERVING_NAME}` names it\
{fitted}. `atlantis index` takes it from this folder, so that `atlantis search` ranks alike."""


def _gallery_section(about: ModelFacts) -> str:
    return f"""## Gallery
The figures below count {count_noun(about.gallery, "photo")} that the run added to the gallery. They are in\
 `{GALLERY}/`, with their classes in its `metadata.csv`; remove that folder before you publish the model if they are\
 private. `atlantis index` adds them to your photos."""


def _onnx_section(about: ModelFacts) -> str:
    side = about.side_px
    found = about.agreement
    checked = (
        f"Compared with torch on {found.random_images} random and {found.pictures} real images at "
        f"export: no number differs by more than {found.largest_difference:.1e} (allowed: {TOLERANCE:.0e})."
        if found
        else "Not compared with torch: onnxruntime was not installed."
    )
    return f"""## Without torch
```python
import io
from pathlib import Path
import numpy as np, onnxruntime
from PIL import Image
# An image's pixels as the model was given them: upright, on white, 8 bit RGB.
{decode_snippet()}
image = to_upright_rgb(Image.open(io.BytesIO(Path("a.jpg").read_bytes())))
{input_snippet(side, about.crop, about.mean)}
pixels = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 255
session = onnxruntime.InferenceSession("{FILE_NAME}")
embeddings = session.run(["{OUTPUT}"], {{"{INPUT}": pixels}})[0]  # (1, {about.dims})
```
`{INPUT}` is float32 (N, 3, {side}, {side}), RGB in 0..1, for any N: the normalisation is inside the graph.

{checked}"""


def _data_section(evidence: TrialEvidence | None) -> str:
    if evidence is None:
        return "## Data\nThe training images are not known here."
    synthetic = f" and {count_noun(evidence.synthetic, 'synthetic one')}" if evidence.synthetic else ""
    restriction = (
        f" Of the {' and the '.join(evidence.restricted)} only those with a chosen value of a metadata column count "
        "here; figures of all may be better or worse."
        if evidence.restricted
        else ""
    )
    classes = (
        "classes that were not trained on" if evidence.regime == "unseen" else "other images of the training classes"
    )
    return (
        f"## Data\nTrained on {count_noun(evidence.real, 'image')}{synthetic} of "
        f"{count_noun(evidence.classes, 'class', 'classes')}. Measured on "
        f"{evidence.queries:,} validation queries against {evidence.gallery:,} images: {classes}."
        f"{restriction}"
    )


def _training_section(about: ModelFacts) -> str:
    began = {"scratch": "random weights", "file": "weights from a file"}.get(
        about.source, code_span(about.base_model or about.architecture)
    )
    settings = [(code_span(name), code_span(value)) for name, value in sorted((about.recipe or {}).items())]
    rows = [*settings, (code_span("seed"), code_span(about.seed))]
    return f"## Training\nStarted from {began}.\n\n{markdown_table(('setting', 'value'), rows)}"


def _validation_section(about: ModelFacts) -> str:
    if about.evidence is None:
        return "## Figures\nNone are known here; `atlantis evaluate FOLDER DATA` measures it on your data."
    rows = [_figures_row(figures) for figures in about.evidence.figures]
    titles = [metric.title for metric in METRICS.values()]
    parts = [f"## Figures on validation\n{markdown_table(('', 'Recall@1', '95 % Wilson interval', *titles), rows)}"]
    parts.append(
        "`atlantis evaluate` gives bootstrap intervals and computes in full precision. The figures here use "
        "activations of frozen layers in half precision, and may differ in the fourth digit."
    )
    parts += [f"Not here: {reason}." for reason in about.evidence.missing]
    if about.evidence.judged or bool((about.recipe or {}).get("validate_every")):
        parts.append("The model was selected by these same queries, which makes the figures slightly optimistic.")
    if about.evidence.test:
        parts.append(_test_section(about.evidence.test))
    return "\n\n".join(parts)


def _figures_row(figures: Figures) -> Sequence[str]:
    at_1 = figures.recall_at_1
    interval = f"{at_1.low:.3f} to {at_1.high:.3f}" if at_1 else "-"
    name = figures.name.replace("baseline", "baseline (real images only, mean over seeds)")
    scores = (format_figure(figures.scores.get(key)) for key in METRICS)
    return name, format_figure(at_1.value if at_1 else None), interval, *scores


def _test_section(found: Mapping[str, Any]) -> str:
    named = {"final": "final (mean over seeds)", "baseline": "baseline (mean over seeds)", "frozen": "frozen"}
    rows = [
        (named[name], format_figure(found[name]["recall_at"]["1"]), format_figure(found[name]["map_at_r"]))
        for name in named
    ]
    queries = f"{found['final']['queries']:,}"
    return (
        f"## Figures on the test split\nOpened once, after all choices; {queries} queries.\n\n"
        f"{markdown_table(('', 'Recall@1', 'MAP@R'), rows)}"
    )


def _describe_input(about: ModelFacts) -> str:
    """Say how much of an image the model sees."""
    lost = f"{about.side_px} pixels: finer details are lost."
    if about.crop:
        filtered, share, mode = (about.crop[key] for key in ("interpolation", "crop_pct", "crop_mode"))
        return (
            f"Images are scaled ({filtered}) and cropped as the weights were published (timm's crop_mode {mode}, "
            f"crop_pct {share:g}) to {lost}"
        )
    earlier = f" {about.earlier_preprocessing}." if about.earlier_preprocessing else ""
    return f"Images are cut to their central square and scaled to {lost}{earlier}"


def _limits_section(about: ModelFacts) -> str:
    return f"""## Limits
- {_describe_input(about)}
- The figures hold for data like the above. For other subjects, cameras or light, measure: `atlantis evaluate`.
- Intervals are over queries, not over trainings: another seed gives other figures.
- It always returns the most similar images; it does not say whether the gallery contains a correct match."""


def _licence_section(about: ModelFacts) -> str:
    known = f", which is published under {code_span(about.base_license)}" if about.base_license else ""
    if about.base_model:
        start = f"{code_span(about.base_model)}{known}"
    else:
        start = "random weights" if about.source == "scratch" else "weights from a file, whose licence is unknown"
    return (
        f"## Licence\nNone is chosen here. Training started from {start}. The licences of those weights, of the "
        "training images and of the generators of synthetic ones may bind this model too. Choose one, and name it in "
        "the front matter."
    )
