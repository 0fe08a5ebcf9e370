"""What MODEL names."""

from __future__ import annotations

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.find_model import find_retriever
from tests.interface.conftest import Fabricated


@pytest.mark.parametrize(("model", "culprit"), [("20990101-abcdef", "no run"), ("no_such_net", "no_such_net")])
def test_a_model_that_is_not_there_is_named(fabricated: Fabricated, model: str, culprit: str) -> None:
    with pytest.raises(SetupError, match=culprit):
        find_retriever(model, fabricated.workspace.folder)


def test_a_run_names_its_final_models_first_seed(fabricated: Fabricated) -> None:
    trial = fabricated.workspace.journal.read(fabricated.run_id, 0, "final_arms")["incumbent"][0]  # type: ignore[index]
    for model in ("last", fabricated.run_id, trial, trial[:12]):
        with pytest.raises(SetupError, match=trial):  # its checkpoint is fabricated too: the path it looks for shows
            find_retriever(model, fabricated.workspace.folder)
