"""The commands as functions of Python, given what they do not take."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import atlantis_dml
from atlantis_core.base.errors import SetupError
from tests.interface.measured import write_photos

PAIR = (np.eye(4, 3), np.array([0, 0, 1, 1]))
FUNCTIONS = [one for one in map(vars(atlantis_dml).get, atlantis_dml.__all__) if inspect.isfunction(one)]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_no_argument_may_be_anything(function: Callable[..., Any]) -> None:
    for name in inspect.signature(function).parameters:
        needed = {
            other: "x"
            for other, parameter in inspect.signature(function).parameters.items()
            if parameter.default is parameter.empty
        }
        with pytest.raises(SetupError, match=f"^{function.__name__}: {name} takes .*, not <object"):
            function(**needed | {name: object()})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"at": "1"}, "at takes Sequence[int], not '1'"),
        ({"at": [1.5]}, "at takes Sequence[int], not [1.5]"),
        ({"at": (True,)}, "at takes Sequence[int], not (True,)"),
        ({"at": ["a"]}, "at takes Sequence[int], not ['a']"),
        ({"query": "a=b"}, "query takes tuple[str, str] | None, not 'a=b'"),
        ({"query": ("visit", 2)}, "query takes tuple[str, str] | None, not ('visit', 2)"),
        ({"distance": None}, "distance takes str, not None"),
        ({"epsilon": "2"}, "epsilon takes float | None, not '2'"),
        ({"nmi": 1}, "nmi takes bool, not 1"),
        ({"facets": "light"}, "facets takes Sequence[str] | None, not 'light'"),
        ({"attack": "pgd", "attack_steps": 0}, "steps must be 1 or more"),
    ],
)
def test_evaluate_names_the_argument_and_what_it_takes(given: Mapping[str, Any], told: str) -> None:
    with pytest.raises(SetupError) as raised:
        atlantis_dml.evaluate("harbor-student", "/no/such", **given)
    assert told in str(raised.value)


def test_what_the_annotations_allow_goes_through() -> None:
    with pytest.raises(SetupError, match="/no/such"):
        atlantis_dml.evaluate(
            "x", "/no/such", at=range(1, 3), attack="pgd", epsilon=2, query=("visit", "2"), facets=["a"]
        )


@pytest.mark.parametrize("seeds", ["x", True, 1.0])
def test_train_takes_no_other_type_for_a_number(seeds: Any) -> None:
    with pytest.raises(SetupError, match=f"^train: seeds takes int, not {seeds!r}$"):
        atlantis_dml.train("x", seeds=seeds)


@pytest.mark.parametrize("wrong", [None, PAIR[:1], (*PAIR, 3)])
def test_embeddings_are_a_pair_or_a_file_and_the_message_is_one_line(wrong: Any) -> None:
    with pytest.raises(SetupError, match=r"real takes str \| Path \| tuple") as raised:
        atlantis_dml.filter_embeddings(wrong, PAIR)
    assert "\n" not in str(raised.value)


def test_tensors_of_a_training_are_told_what_they_lack() -> None:
    import torch

    with pytest.raises(SetupError, match=r"detach\(\)"):
        atlantis_dml.filter_embeddings((torch.zeros(4, 3, requires_grad=True), PAIR[1]), PAIR)


def test_an_attack_has_the_options_of_the_command(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos")
    with pytest.raises(SetupError, match="attack-steps has no effect with fgsm"):
        atlantis_dml.evaluate("harbor-student", photos, attack="fgsm", attack_steps=3, workspace=tmp_path / "w")
    with pytest.raises(SetupError, match="attack aim 'away' needs pgd"):
        atlantis_dml.evaluate("harbor-student", photos, attack="fgsm", attack_aim="away", workspace=tmp_path / "w")
    with pytest.raises(SetupError, match="seed 1 has no effect without an attack"):
        atlantis_dml.evaluate("harbor-student", photos, seed=1, workspace=tmp_path / "w")


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: atlantis_dml.filter_embeddings(PAIR, PAIR, threshold=float("nan")),
            "SetupError",
            "threshold nan is",
        ),
        (lambda: atlantis_dml.evaluate("x", "/no/such", at=[0]), "SetupError", "the K of Recall@K (at) are"),
        (lambda: atlantis_dml.train("harbor-tiny", seeds=0), "SetupError", "seeds 0 is too small"),
        (lambda: atlantis_dml.filter_embeddings(PAIR, (PAIR[0][:2], PAIR[1])), "SetupError", "'synthetic' contains"),
        (lambda: atlantis_dml.filter_embeddings(PAIR, (PAIR[0], [7] * 4)), "ToolError", "7"),
    ],
)
def test_what_is_raised_has_a_name_here_and_speaks_no_command_line(
    call: Callable[[], Any], kind: str, message: str
) -> None:
    with pytest.raises(getattr(atlantis_dml, kind)) as raised:
        call()
    assert isinstance(raised.value, atlantis_dml.AtlantisError)
    assert message in str(raised.value)
    assert "--" not in str(raised.value)
