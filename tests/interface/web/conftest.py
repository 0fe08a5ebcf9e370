"""A site over the fabricated workspace, asked without a browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from atlantis_core.data.file_listing import ReadOptions
from atlantis_core.records import Budget, Goal, RunSpec
from atlantis_dml.app.request import RunRequest
from atlantis_dml.web.app import make_data_app
from atlantis_dml.web.site import Site
from tests.fixtures.tiny_runs import activations, begin, call, chat, tiny_world

__all__ = ["activations", "begin", "call", "chat", "client", "site", "tiny_world"]


@pytest.fixture
def site(fabricated) -> Site:
    spec = RunSpec("", "", Goal(""), Budget(), auto=False)
    return Site(fabricated.workspace, RunRequest(spec, ReadOptions()), ("harbor-tiny",))


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    with TestClient(make_data_app(site), base_url="http://127.0.0.1:7860") as client:
        yield client
