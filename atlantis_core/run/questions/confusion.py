"""What a class is taken for, and which classes are taken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from atlantis_core.base.errors import ToolError
from atlantis_core.base.text import quote
from atlantis_core.run.measurements import load_outcomes
from atlantis_core.run.questions.subjects import require_class
from atlantis_core.statistics.confusions import count_confusions

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

_MOST, _EXAMPLES = 6, 4


def answer(session: Session, model: str, subject: str) -> tuple[str, Any]:
    """Answer for one class, with ids of missed queries; without a subject for the most frequent confusions."""
    (outcomes,) = load_outcomes(session, [model])
    if outcomes is None:
        raise ToolError("the diagnosing training crashed; there is nothing to read")
    found = count_confusions(outcomes, session.task.queries)
    if not subject:
        listed = "; ".join(
            f"{_name(one.label)} taken for {_name(one.returned)} {one.count}x" for one in found[:_MOST]
        )
        return f"most frequent confusions: {listed or 'none'}", found[:_MOST]
    name = require_class(session, subject)
    as_other = [one for one in found if one.label == name]
    as_this = [one for one in found if one.returned == name]
    queries = {image.id for image in session.task.queries if image.label == name}
    hits = zip(outcomes.ids, outcomes.hit, strict=True)
    missed = [identity for identity, hit in hits if identity in queries and not hit]
    others = ", ".join(f"{_name(one.returned)} {one.count}x" for one in as_other[:_MOST]) or "nothing"
    these = ", ".join(f"{_name(one.label)} {one.count}x" for one in as_this[:_MOST]) or "nothing"
    examples = ", ".join(quote(identity, 80) for identity in missed[:_EXAMPLES])
    text = (
        f"{len(missed)} of {len(queries)} queries of {_name(name)} are missed; it is taken for {others}; taken "
        f"for it: {these}" + (f"; missed: {examples}" if examples else "")
    )
    return text, {"taken_for": as_other, "taken_for_it": as_this, "missed": missed}


def _name(label: str) -> str:
    return quote(label, 60)
