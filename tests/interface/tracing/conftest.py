"""Reading back what is in an MLflow database."""

from __future__ import annotations

import gc
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest


class Stored:
    """What an MLflow has of its only run."""

    def __init__(self, tracking_uri: str) -> None:
        from mlflow import MlflowClient

        self.uri = tracking_uri
        self.client = MlflowClient(tracking_uri=tracking_uri)
        self.experiment_id = self.client.get_experiment_by_name("atlantis").experiment_id

    def trace(self) -> Any:
        (found,) = self.client.search_traces(locations=[self.experiment_id])
        return self.client.get_trace(found.info.trace_id, display=False)

    def tree(self) -> dict[str, Any]:
        """The spans as `atlantis trace --json` tells of them: names, kinds, statuses, tokens, order and parents."""
        spans = sorted(self.trace().data.spans, key=lambda span: span.attributes["atlantis.event_id"])
        nodes = {span.span_id: self._node(span.attributes) for span in spans}
        (root,) = [nodes[span.span_id] for span in spans if span.parent_id is None]
        for span in spans:
            if span.parent_id is not None:
                nodes[span.parent_id]["children"].append(nodes[span.span_id])
        return _summed(root)

    def _node(self, attributes: dict[str, Any]) -> dict[str, Any]:
        return {key: attributes[f"atlantis.{key}"] for key in ("name", "kind", "status", "tokens")} | {"children": []}

    def runs(self) -> tuple[Any, list[Any]]:
        """The run, and its trials."""
        found = self.client.search_runs([self.experiment_id])
        (run,) = [one for one in found if "mlflow.parentRunId" not in one.data.tags]
        trials = [one for one in found if one.data.tags.get("mlflow.parentRunId") == run.info.run_id]
        assert len(trials) == len(found) - 1
        return run, trials

    def history(self, run: Any, name: str) -> list[tuple[int, float]]:
        points = self.client.get_metric_history(run.info.run_id, name)
        return sorted((point.step, point.value) for point in points)

    def rows(self) -> dict[str, list[Any]]:
        """Every row of every table that holds something, without MLflow's own count of writes."""
        with closing(sqlite3.connect(self.uri.removeprefix("sqlite:///"))) as connection:
            connection.row_factory = lambda cursor, row: {
                column[0]: value
                for column, value in zip(cursor.description, row, strict=True)
                if column[0] != "db_payload_generation"
            }
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            found = {t["name"]: sorted(map(repr, connection.execute(f"SELECT * FROM {t['name']}"))) for t in tables}
        return {name: rows for name, rows in found.items() if rows}


def _summed(node: dict[str, Any]) -> dict[str, Any]:
    children = [_summed(child) for child in node["children"]]
    return node | {"tokens": node["tokens"] + sum(child["tokens"] for child in children), "children": children}


def told(node: dict[str, Any]) -> dict[str, Any]:
    """What of `atlantis trace --json` is compared with the spans."""
    kept = {key: node[key] for key in ("name", "kind", "status", "tokens")}
    return kept | {"children": [told(child) for child in node["children"]]}


@pytest.fixture
def as_told() -> Any:
    return told


@pytest.fixture
def stored() -> Any:
    """Reads the database of a workspace."""
    return lambda workspace: Stored(f"sqlite:///{workspace.folder / 'mlflow.db'}")


@pytest.fixture
def reading() -> type[Stored]:
    """Reads an MLflow by its address."""
    return Stored


def files_with(text: str, *folders: Path) -> list[str]:
    """Return the files that hold a text, as it is or as JSON writes it."""
    wanted = {text.encode(), json.dumps(text)[1:-1].encode()}
    gc.collect()  # closes databases that nobody uses any more, whose -wal files would vanish while they are read
    written = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [str(path) for path in written if any(one in path.read_bytes() for one in wanted)]


@pytest.fixture
def holding() -> Any:
    return files_with
