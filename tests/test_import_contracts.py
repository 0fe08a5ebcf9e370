"""The import contracts of pyproject.toml refuse what they claim to: each breach is planted and must be seen."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.configuration import configure
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.layers import LayersContract
from importlinter.contracts.protected import ProtectedContract

SETTINGS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["tool"]["importlinter"]
KINDS: dict[str, Any] = {"forbidden": ForbiddenContract, "layers": LayersContract, "protected": ProtectedContract}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*SETTINGS["root_packages"], include_external_packages=True, cache_dir=None)


def broken(graph: grimp.ImportGraph) -> list[str]:
    """Return the names of the contracts that this graph breaks."""
    configure()
    session = {key: _as_read(value) for key, value in SETTINGS.items() if key != "contracts"}
    contracts = []
    for contract in SETTINGS["contracts"]:
        options = {key: _as_read(value) for key, value in contract.items() if key not in ("name", "type")}
        contracts.append(KINDS[contract["type"]](contract["name"], session, options))
    return [contract.name for contract in contracts if not contract.check(graph, verbose=False).kept]


def _as_read(value: object) -> object:
    """Return a setting as import-linter's own reader hands it on."""
    return str(value) if isinstance(value, bool) else value


def test_the_house_as_it_stands_keeps_every_contract(graph: grimp.ImportGraph) -> None:
    assert broken(graph) == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("atlantis_dml.agents.planner", "atlantis_dml.text.figures"),
        ("atlantis_dml.agents.planner", "atlantis_dml.text.templating"),
        ("atlantis_dml.tools.find_gaps", "atlantis_dml.text.figures"),
        ("atlantis_dml.tools.find_gaps", "atlantis_dml.prompts"),
        ("atlantis_dml.tools.find_gaps", "atlantis_dml.agents.planner"),
        ("atlantis_dml.graph.nodes", "atlantis_dml.app.progress"),
        ("atlantis_dml.graph.nodes", "atlantis_dml.prompts"),
        ("atlantis_dml.graph.nodes", "mlflow"),
        ("atlantis_dml.prompts", "atlantis_core.base.text"),
        ("atlantis_dml.app.setup", "atlantis_dml.cli.options"),
        ("atlantis_dml.api.train", "atlantis_dml.web.site"),
        ("atlantis_core.run.round_images", "atlantis_core.workflows.train"),
        ("atlantis_core.data.facets", "atlantis_core.store.workspace"),
        ("atlantis_core.run.round_images", "langchain_core"),
        ("atlantis_core.learning.recipe", "atlantis_core.harbor.training.pretrain"),
    ],
)
def test_a_planted_breach_is_refused(graph: grimp.ImportGraph, importer: str, imported: str) -> None:
    assert importer in graph.modules
    if imported not in graph.modules:
        graph.add_module(imported, is_squashed=True)
    had = graph.find_modules_that_directly_import(imported)
    graph.add_import(importer=importer, imported=imported)
    try:
        assert broken(graph) != []
    finally:
        if importer not in had:
            graph.remove_import(importer=importer, imported=imported)
