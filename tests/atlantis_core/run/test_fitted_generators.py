"""A run whose generator is fitted to its training photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from atlantis_core.run.journal import JournalKind
from atlantis_core.run.remedies.generate import Generate
from atlantis_core.run.session import Session
from tests.atlantis_core.generation.diffusion_models import write_tiny_pipeline


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    return write_tiny_pipeline(tmp_path / "models" / "tiny")


def with_generator(session: Session, generator: str) -> Session:
    return Session(session.workspace, session.run_id, replace(session.spec, generator=generator))


def test_pilots_compare_the_fitted_model_with_the_model_as_it_is(
    made_run: tuple[Session, list[str]], pipeline: Path
) -> None:
    session = with_generator(made_run[0], f"diffusion:{pipeline}?steps=2&fit=lora&fit_steps=2")
    own, other = Generate().list_offers(session)
    assert (own.remedy, other.remedy) == ("generate", f"generate:diffusion:{pipeline}?steps=2")
    assert "fitted to the training photos" in own.shows
    assert "as it is" in other.shows
    plain, *none = Generate().list_offers(with_generator(made_run[0], f"diffusion:{pipeline}"))
    assert (plain.remedy, none) == ("generate", []), "without a GPU a fit has to be asked for"


def test_it_is_fitted_to_the_training_split_alone_and_kept_in_the_workspace(
    made_run: tuple[Session, list[str]], pipeline: Path
) -> None:
    session = with_generator(made_run[0], f"diffusion:{pipeline}")
    generator = Generate().build_generator(session, f"diffusion:{pipeline}?steps=2&fit=lora&fit_steps=2")
    protocol = made_run[0].read(1, JournalKind.PROTOCOL)
    assert protocol is not None
    requests = Generate().build_requests(
        session, 1, replace(protocol, remedy=f"generate:diffusion:{pipeline}?steps=2&fit=lora&fit_steps=2"), ""
    )
    assert len(list(generator.generate(requests[:1]))) == 1
    facts = generator.settings(requests[0])["fit"]
    assert facts["photos"] == len(session.collection.of_split("train")) == 6
    assert (session.workspace.folder / "adapters" / facts["key"] / "fit.json").is_file()
