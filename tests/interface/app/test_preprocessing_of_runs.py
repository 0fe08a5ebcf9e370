"""A run keeps the preprocessing that it began with, also one that was stored before there were two."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlantis_core.base.serialization import as_json, from_json
from atlantis_core.records import Budget, Goal, RunSpec
from atlantis_core.run.session import Session
from atlantis_core.store.workspace import Workspace
from atlantis_dml.app.run_settings import settle_backbone

SPEC = RunSpec("", "photos", Goal("night"), Budget(), backbone="scratch:test_resnet")


def test_a_new_run_has_the_newest_preprocessing(tmp_path: Path) -> None:
    spec, backbone = settle_backbone(SPEC)
    assert spec.preprocessing == backbone.preprocessing == 2
    assert session(tmp_path, as_json(spec)).backbone == backbone


def test_a_stored_run_of_before_goes_on_with_its_own(tmp_path: Path) -> None:
    stored = as_json(SPEC)
    del stored["preprocessing"]  # commit 3ee5752 wrote no such field
    assert session(tmp_path, stored).backbone == settle_backbone(SPEC)[1].with_first_preprocessing()


@pytest.mark.parametrize("name", ["harbor-student", "scratch"])
def test_models_of_our_own_stay_as_they_are(name: str, tmp_path: Path) -> None:
    spec, backbone = settle_backbone(RunSpec("", "photos", Goal(""), Budget(), backbone=name))
    assert spec.preprocessing == backbone.preprocessing == 1


def session(folder: Path, stored: object) -> Session:
    """Return the session of a run that was stored so."""
    return Session(Workspace(folder), "20261127-000000", from_json(RunSpec, stored))
