"""What stands nearest to one query, with classes and facet values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import quote
from atlantis_core.run.measurements import load_model
from atlantis_core.run.questions.subjects import EmbeddedTask

if TYPE_CHECKING:
    from atlantis_core.records import LabelledImage
    from atlantis_core.run.session import Session

_NEAREST = 8


def answer(session: Session, model: str, subject: str) -> tuple[str, Any]:
    """Answer for one validation query by its id, as `confusion` lists them."""
    query = next((image for image in session.task.queries if image.id == subject), None)
    if query is None:
        raise ToolError(
            f"{subject[:60]!r} is not the id of a validation query; the question confusion lists ids of missed ones"
        )
    near = EmbeddedTask(session, load_model(session, model)).find_nearest(query.id, _NEAREST)
    listed = "; ".join(f"{_describe(image)} {nearness:.2f}" for image, nearness in near)
    rows = [{"id": image.id, "label": image.label, "nearness": nearness} for image, nearness in near]
    return f"nearest to {_describe(query)} (cosine): {listed}", rows


def _describe(image: LabelledImage) -> str:
    facets = ", ".join(f"{name}={value}" for name, value in list(image.facets.items())[:3])
    return quote(image.label, 60) + (f" ({quote(facets, 80)})" if facets else "")
