"""The page of won and lost queries, with the images that a small trained model puts first."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from atlantis_core.records import Cell, CellRequest, Comparison, Decision, Protocol
from atlantis_core.run.journal import JournalKind
from atlantis_core.run.measurements import find_trial_session
from atlantis_core.run.models import name_model
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace
from atlantis_core.views.query_trace import trace_queries
from atlantis_dml.report.query_page import render_query_page
from tests.interface.measured import HOSTILE, Trained, train_photos


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train_photos(tmp_path_factory.mktemp("trained"))


def judge(trained: Trained, serving: str) -> Session:
    """Return a session with a rolled-back round: the model, compared with itself searched with a serving."""
    session = find_trial_session(Workspace(trained.workspace), trained.model)
    assert session is not None
    change = Comparison(0.5, 0.5, 0.0, -0.1, 0.1, 0.5, 21, 1)
    cells = (CellRequest(Cell("red"), 1),)
    protocol = Protocol("p", 1, "edit", cells, "o", "r", "margin", 1.0, 0.0, remedy=f"serve:{serving}")
    session.write(1, JournalKind.PROTOCOL, protocol)
    session.write(1, JournalKind.DECISION, Decision(False, "not proven", change, change, change))
    arms = {"incumbent": [trained.model], "candidate": [name_model(trained.model, serving)]}
    session.write(1, JournalKind.ARMS, arms)
    return session


@pytest.mark.parametrize("serving", ["csls:k=1", "prototypes"])
def test_each_query_stands_beside_what_came_first_before_and_after(trained: Trained, serving: str) -> None:
    session = judge(trained, serving)
    trace = trace_queries(session)
    moved = [*trace.won, *trace.lost]
    assert moved, "the serving changes something"
    text = render_query_page(session, trace)
    assert len(re.findall(r'<img src="data:image/jpeg;base64,', text)) == 3 * len(moved)
    assert text.count("class mean, shown by a photo") == (len(moved) if serving == "prototypes" else 0)
    assert "class alone" not in text
    assert f"Won: {len(trace.won)} of {len(trace.won)}" in text
    assert f"Lost: {len(trace.lost)} of {len(trace.lost)}" in text
    assert HOSTILE not in text


def test_a_missing_checkpoint_leaves_the_classes(trained: Trained, tmp_path: Path) -> None:
    session = judge(trained, "csls:k=2")
    trace = trace_queries(session)
    (trial,) = session.workspace.trials.matching(trained.model)
    aside = Path(session.workspace.trials.find(trial).path)
    moved = aside.rename(tmp_path / "aside")
    try:
        text = render_query_page(session, trace)
    finally:
        moved.rename(aside)
    assert "What came first is shown by its class alone: " in text
    assert text.count("data:image/jpeg;base64,") == len(trace.won) + len(trace.lost)
