"""Questions that a planner may ask of the data: each is answered by code from training and validation images."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atlantis_core.run.session import Session

QUESTIONS = {
    "class_by_facet": "table",
    "more_images": "learning_curve",
    "leave_one_value_out": "values",
    "confusion": "confusion",
    "neighbourhood": "neighbourhood",
}
"""Question -> module here with a function `answer(session, model, subject)`."""


def answer_question(session: Session, model: str, question: str, subject: str) -> tuple[str, Any]:
    """Return the answer in words, and as data for the trace.

    Args:
        session: The run's.
        model: The diagnosing model.
        question: Of `QUESTIONS`.
        subject: What it is about: a class, a facet, `facet=value`, or an image; may be empty.

    Raises:
        ToolError: The subject is not in the collection, or does not fit the question.
    """
    module = import_module(f"{__name__}.{QUESTIONS[question]}")
    answer: Callable[[Session, str, str], tuple[str, Any]] = module.answer
    return answer(session, model, subject)
