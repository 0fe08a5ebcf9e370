"""The section of a model card for readers who have timm and not this package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlantis_core.exporting.input_snippet import input_snippet

if TYPE_CHECKING:
    from atlantis_core.exporting.card_facts import ModelFacts

_HYPERBOLIC = """\
    features = model.forward_head(model.forward_features(pixels), pre_logits=True)
    mapped = model.get_classifier()(torch.nn.functional.normalize(features))
    length = mapped.norm(dim=1, keepdim=True).clamp(min=1e-6)
    mapped, length = mapped * ({radius} / length).clamp(max=1), length.clamp(max={radius})
    embeddings = mapped * torch.tanh({root} * length).clamp(max=0.999) / ({root} * length)  # (1, {dims})"""


def write_timm_section(about: ModelFacts) -> str:
    """Return the section, with code that gives the retriever's own embeddings of an upright RGB image."""
    square = "" if about.crop else f"{input_snippet(about.side_px, about.crop, about.mean)}\n"
    if about.c is not None and about.embedding == "head":
        embedding = _HYPERBOLIC.format(radius=about.clip_radius, root=repr(about.c**0.5), dims=about.dims)
    else:
        embedding = f"    embeddings = torch.nn.functional.normalize(model(pixels))  # (1, {about.dims})"
    return f"""## With timm alone
```python
import timm, torch
from PIL import Image
model = timm.create_model("local-dir:path/to/this/folder", pretrained=True).eval()
prepare = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
image = Image.open("a.jpg").convert("RGB")
{square}pixels = prepare(image)[None]
with torch.inference_mode():
{embedding}
```"""
