"""The model card of an exported retriever, in the manner of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlantis_core.data.text import clean
from atlantis_core.evaluation import distance_of

if TYPE_CHECKING:
    from atlantis_core.learning.retriever import Retriever

_LONGEST = 120


def model_card(
    retriever: Retriever,
    facts: Mapping[str, Any],
    figures: Mapping[str, Any] | None,
    onnx_differs: float | None,
) -> str:
    """Return the card as Markdown with YAML front matter.

    Args:
        retriever: What is described.
        facts: Its description.
        figures: Of its validation; None where it was not measured.
        onnx_differs: How far the ONNX file's embeddings are off; None without one.
    """
    parts = [_front(facts), "# Image retriever", _what(retriever, facts), _use(retriever)]
    if onnx_differs is not None:
        parts.append(_onnx(retriever, onnx_differs))
    parts += [_measured(figures), _trained(facts), _limits()]
    return "\n\n".join(parts) + "\n"


def _front(facts: Mapping[str, Any]) -> str:
    lines = ["---", "library_name: timm", "pipeline_tag: image-feature-extraction"]
    lines += ["tags:", "- image-retrieval", "- metric-learning", "- atlantis"]
    if facts.get("backbone", {}).get("source") in {"hub", "cache"}:
        lines.append(f"base_model: timm/{facts['architecture']}")
    return "\n".join([*lines, "---"])


def _what(retriever: Retriever, facts: Mapping[str, Any]) -> str:
    head = facts.get("head")
    if retriever.embedding == "body":
        below = "pooled features of the trunk, at unit length"
    else:
        assert head is not None  # a head that is searched by is described
        below = f"{head['kind']} head of {head['embed_dim']} dimensions"
    return (
        f"Turns a picture into a vector to search with: `{_code(facts['architecture'])}`, {below}. "
        f"Vectors are compared by **{distance_of(retriever.space)}** distance. Input: RGB, {retriever.side_px} x "
        f"{retriever.side_px} pixels (the centred square of a picture)."
    )


def _use(retriever: Retriever) -> str:
    return f"""## Use
```python
from atlantis_dml import load_retriever  # pip install atlantis-dml

retriever = load_retriever("path/of/this/folder")
vectors = retriever.embed(["a.jpg", "b.jpg"])  # (2, D), float32
```
The weights are `model.safetensors`, their description (architecture, arguments, mean, std, head) `model.json`; mean
{list(retriever.backbone.mean)} and std {list(retriever.backbone.std)} normalise pixels in 0..1."""


def _onnx(retriever: Retriever, differs: float) -> str:
    side = retriever.side_px
    return f"""## ONNX
`model.onnx` takes `pixels`, float32 (batch, 3, {side}, {side}), RGB in 0..1 **without** normalisation (that is
inside the graph), and gives `embeddings`. On random pictures it differed from torch by {differs:.1e} at most.
```python
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
(vectors,) = session.run(None, {{"pixels": pixels}})
```"""


def _measured(figures: Mapping[str, Any] | None) -> str:
    if figures is None:
        return "## Measured\nNot measured where it was exported."
    recalls = "\n".join(f"| Recall@{k} | {value:.3f} |" for k, value in figures["recall_at"].items())
    chosen = " The best weights were chosen on these very queries." if figures["chosen_on_queries"] else ""
    where = f"`{_code(figures['collection'])}`, validation split, regime {figures['regime']}"
    return f"""## Measured
On {where}: {figures["queries"]} queries, {figures["left_out"]} left out for lack of a partner.
The sealed test split was not opened for these figures.{chosen}

| figure | value |
| --- | --- |
{recalls}
| MAP@R | {figures["map_at_r"]:.3f} |
| R-precision | {figures["r_precision"]:.3f} |"""


def _trained(facts: Mapping[str, Any]) -> str:
    recipe = facts.get("recipe")
    if recipe is None:
        return "## Training\nNone here: these are the weights as they came."
    rows = "\n".join(f"| {name} | `{_code(str(value))}` |" for name, value in recipe.items())
    return f"""## Training
Seed {facts["seed"]}; first weights `{facts["backbone_fingerprint"]}` ({facts["backbone"]["source"]}).

| setting | value |
| --- | --- |
{rows}"""


def _limits() -> str:
    return """## Limits and licence
It was measured on one collection; on other pictures measure it first (`atlantis evaluate`). No licence is given here:
the weights inherit that of the model they began as, and the training pictures may restrict them too. Add the licence
that applies before you publish."""


def _code(text: str) -> str:
    """Return text that cannot end a code span or a table row: names come from outside."""
    return clean(text, _LONGEST).replace("`", "'").replace("|", "/")
