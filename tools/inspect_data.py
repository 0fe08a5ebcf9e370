"""Tool: ask a question of the data."""

from __future__ import annotations

from typing import Literal

from langchain_core.tools import tool

from atlantis_core.run.questions import answer_question
from atlantis_dml.tools.context import Runtime, answer_call, find_diagnosing

WORDS = "inspect inspected question questions curve"


@tool
def inspect_data(
    question: Literal["class_by_facet", "more_images", "leave_one_value_out", "confusion", "neighbourhood"],
    runtime: Runtime,
    subject: str = "",
) -> object:
    """Answer a question about the data by code, from training and validation images: seconds, no images, no dollars.

    Args:
        question: class_by_facet: training images, queries and R@1 of each cell (subject: a facet). more_images: would
            more images of the same kind help, by R@1 as the gallery grows (subject: empty, a class, or facet=value).
            leave_one_value_out: R@1 of each value with and without gallery images of that value (subject: a facet).
            confusion: what a class is taken for, and ids of missed queries (subject: a class, or empty).
            neighbourhood: what stands nearest to one query (subject: its id).
        subject: What it is about, as the question says; empty takes the first facet, or all queries.
    """
    session = runtime.context.session
    text, facts = answer_question(session, find_diagnosing(runtime), question, subject)
    return answer_call(runtime, "", text, facts)
