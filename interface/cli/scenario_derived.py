"""`atlantis scenario adversarial` and `merge`: the situations that bring photos which were made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from atlantis_core.base.errors import SetupError
from atlantis_dml.app.output import report_errors
from atlantis_dml.cli import evaluate_options, options
from atlantis_dml.cli.scenario_options import Destination, ScenarioRequest, Seed, show_scenario

if TYPE_CHECKING:
    from atlantis_core.scenarios.adversarial import Aim, AttackedRole


def adversarial(
    data: options.Data,
    destination: Destination,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Whose embeddings are attacked: a trial, a run, a file or a timm name; else the one that trainings "
            "on DATA begin with.",
        ),
    ] = None,
    method: Annotated[str, typer.Option("--attack", metavar="fgsm|pgd", help="One gradient, or several.")] = "pgd",
    epsilon: evaluate_options.Epsilon = None,
    steps: evaluate_options.AttackSteps = None,
    step_size: Annotated[
        float | None,
        typer.Option("--step-size", help="Change in a step of pgd, of 0..255; else 2.5 epsilon / steps."),
    ] = None,
    attacked: Annotated[
        str,
        typer.Option(
            "--attacked", metavar="validation|train", help="validation is replaced, train gets attacked copies."
        ),
    ] = "validation",
    aim: Annotated[
        str,
        typer.Option(
            "--attack-aim",
            metavar="wrong|drawn",
            help="wrong: to the nearest photo of another class and away from its own, as `evaluate --attack`; drawn, "
            "which fools fewer: to a photo of a class drawn by chance, as released.",
        ),
    ] = "wrong",
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    facets: options.FacetColumns = None,
    regime: options.RegimeName = "seen",
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Push photos towards another class in MODEL's eyes, unseen by ours, and say how many it then takes for another.

    Example: atlantis scenario adversarial photos/ photos-attacked --model last --epsilon 2
    """
    with report_errors(as_json):
        from atlantis_core.scenarios.adversarial import write_adversarial
        from atlantis_dml.app.evaluate import build_attack as attack_of
        from atlantis_dml.app.find_model import find_default_model, find_retriever
        from atlantis_dml.app.progress import open_stderr_screen

        how = {"epsilon": epsilon, "attack-steps": steps, "step-size": step_size}
        attack = replace(attack_of(method, how), seed=seed)
        part, goal = _parse_attacked(attacked), _parse_aim(aim)
        with open_stderr_screen() as screen:
            asked = ScenarioRequest(data, label, split, facets, regime, workspace)
            source = asked.source(destination, screen.progress)
            named = model or find_default_model(data)
            retriever = find_retriever(named, workspace)
            if model is None:
                screen.line(f"attacked model: {named}; name another with --model")
            found = write_adversarial(retriever, source, destination, attack, part, goal, screen.progress)
        show_scenario(*found, workspace, as_json, ("train",) if part == "train" else ("evaluate", named))


def merge(
    real: Annotated[str, typer.Argument(metavar="REAL", help="As DATA elsewhere; it stays as it is.")],
    made: Annotated[Path, typer.Argument(metavar="SYNTHETIC", help="Folder of made photos of its classes.")],
    destination: Destination,
    per_class: Annotated[int | None, typer.Option("--per-class", help="At most so many made ones a class.")] = None,
    fill_to: Annotated[
        int | None, typer.Option("--fill-to", "--upto", help="Fill each class up to so many; 32 as released.")
    ] = None,
    ratio: Annotated[float | None, typer.Option("--ratio", help="At most so many made ones for each real.")] = None,
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    facets: options.FacetColumns = None,
    regime: options.RegimeName = "seen",
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Put made photos among the training photos of a collection, within quotas; trainings can weigh them apart.

    Example: atlantis scenario merge photos/ made/ photos-and-made --fill-to 32
    """
    with report_errors(as_json):
        from atlantis_core.scenarios.merging import Quotas
        from atlantis_core.scenarios.merging import merge_synthetic as merged
        from atlantis_dml.app.progress import open_stderr_screen

        quotas = Quotas(per_class, fill_to, ratio)
        with open_stderr_screen() as screen:
            source = ScenarioRequest(real, label, split, facets, regime, workspace).source(
                destination, screen.progress
            )
            found = merged(source, made.expanduser(), destination, quotas, seed, screen.progress)
        show_scenario(*found, workspace, as_json)


def _parse_attacked(text: str) -> AttackedRole:
    from atlantis_core.scenarios.adversarial import AttackedRole

    known: AttackedRole
    for known in get_args(AttackedRole):
        if text == known:
            return known
    raise SetupError(f"unknown --attacked {text!r}; known: {', '.join(get_args(AttackedRole))}")


def _parse_aim(text: str) -> Aim:
    from atlantis_core.scenarios.adversarial import Aim

    known: Aim
    for known in get_args(Aim):
        if text == known:
            return known
    raise SetupError(f"unknown --attack-aim {text!r}; known: {', '.join(get_args(Aim))}")
