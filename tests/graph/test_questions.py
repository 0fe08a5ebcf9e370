"""Questions to the data: each answer is what a direct computation gives, and none sees the test split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from langchain_core.messages import AIMessage

from atlantis_core.base.errors import ToolError
from atlantis_core.run.measurements import load_model, load_outcomes
from atlantis_core.run.questions import QUESTIONS, answer_question
from atlantis_core.run.questions.learning_curve import thin_out
from atlantis_core.run.round import read_arms
from atlantis_core.run.session import Session
from atlantis_dml.graph.running import advance
from atlantis_dml.tools.context import RunContext

Begin = Callable[..., RunContext]


@pytest.fixture
def asked(begin: Begin, chat: Any, call: Any) -> tuple[Session, str, list[str]]:
    """A session after its preparation and a question, its diagnosing model, and the results that the planner saw."""
    context = begin(seeds=1)
    planner, model = chat(
        context, call("prepare"), call("inspect_data", question="more_images"), *[AIMessage("Enough.")] * 2
    )
    advance(replace(context, planner=planner))
    session = context.session
    return session, read_arms(session, 1)["diagnosing"][0], [request[-2].text for request in model.requests[1:]]


def test_answers_are_those_of_a_direct_computation(asked: tuple[Session, str, list[str]]) -> None:
    session, model, said = asked
    assert "R@1 of 64 queries by share of the gallery" in said[1]
    queries, gallery = session.task.queries, session.task.gallery
    retriever = load_model(session, model)
    near = retriever.embed_cached(queries, session.cache) @ retriever.embed_cached(gallery, session.cache).T

    _, rows = answer_question(session, model, "leave_one_value_out", "condition")
    for row in rows:
        own = [place for place, image in enumerate(queries) if image.facets["condition"] == row["value"]]
        other = [place for place, image in enumerate(gallery) if image.facets["condition"] != row["value"]]
        first = [other[np.argmax(near[place, other])] for place in own]
        hits = [gallery[best].label == queries[place].label for place, best in zip(own, first, strict=True)]
        assert row["without"] == pytest.approx(np.mean(hits))

    _, cells = answer_question(session, model, "class_by_facet", "condition")
    (outcomes,) = load_outcomes(session, [model])
    assert outcomes is not None
    assert sum(row["hits"] for row in cells) == outcomes.hit.sum()
    support = Counter((image.label, image.facets["condition"]) for image in session.collection.of_split("train"))
    counted = {(row["cell"].class_name, row["cell"].value): row["support"] for row in cells}
    assert {cell: count for cell, count in counted.items() if count} == dict(support)

    _, nearest = answer_question(session, model, "neighbourhood", queries[3].id)
    assert [row["id"] for row in nearest[:1]] == [gallery[int(np.argmax(near[3]))].id]
    text, _ = answer_question(session, model, "confusion", queries[0].label)
    missed = sum(not hit for image, hit in zip(queries, outcomes.hit, strict=True) if image.label == queries[0].label)
    assert text.startswith(f"{missed} of ")


def test_a_subject_that_is_not_there_is_refused_in_a_line(asked: tuple[Session, str, list[str]]) -> None:
    session, model, _ = asked
    for question in QUESTIONS:
        with pytest.raises(ToolError) as refused:
            answer_question(session, model, question, "../../etc/passwd")
        assert "\n" not in str(refused.value)


def test_each_class_keeps_its_share_and_at_least_one_image() -> None:
    labels = ["a"] * 8 + ["b"] * 2 + ["c"]
    kept = thin_out(labels, 0.25, np.random.default_rng(1))
    counts = Counter(label for label, stays in zip(labels, kept, strict=True) if stays)
    assert counts == {"a": 2, "b": 1, "c": 1}
