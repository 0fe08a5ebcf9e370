"""`atlantis scenario adversarial` and `merge`: the situations that add or replace photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from atlantis_dml.app.request import TaskOptions, parse_choice
from atlantis_dml.app.scenario import open_source
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command
from atlantis_dml.cli.scenario_options import Destination, Seed, show_scenario


@command("label split facets regime")
def adversarial(
    *,
    data: options.Data,
    destination: Destination,
    model: Annotated[
        str | None,
        typer.Option(
            help="Model to attack: a trial, a run, a file or a timm name; default: the one that trainings on DATA "
            "begin with."
        ),
    ] = None,
    method: Annotated[
        str, typer.Option("--attack", metavar="fgsm|pgd", help="One gradient step, or several.")
    ] = "pgd",
    epsilon: options.Epsilon = None,
    steps: options.AttackSteps = None,
    step_size: Annotated[
        float | None,
        typer.Option(help="Change per step of pgd (0 to 255); default: 2.5 epsilon / steps."),
    ] = None,
    attacked: Annotated[
        str,
        typer.Option(metavar="validation|train", help="validation: replace the photos; train: add attacked copies."),
    ] = "validation",
    aim: Annotated[
        str,
        typer.Option(
            "--attack-aim",
            metavar="wrong|drawn",
            help="wrong: to the nearest photo of another class and away from its own, as in `evaluate --attack`; "
            "drawn: to a photo of a random class, as in the released code, which misleads fewer queries.",
        ),
    ] = "wrong",
    given: TaskOptions,
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Change photos invisibly so that MODEL takes them for another class.

    It says for how many photos that works.

    Example: atlantis scenario adversarial photos/ photos-attacked --model last --epsilon 2
    """
    from atlantis_core.scenarios.adversarial import Aim, AttackedRole, write_adversarial
    from atlantis_dml.app.evaluate import build_attack
    from atlantis_dml.app.find_model import find_default_model, find_retriever
    from atlantis_dml.app.progress import open_stderr_screen

    strength = {"epsilon": epsilon, "attack-steps": steps, "step-size": step_size}
    attack = replace(build_attack(method, strength), seed=seed)
    role: AttackedRole = parse_choice(attacked, "--attacked", AttackedRole)
    goal: Aim = parse_choice(aim, "--attack-aim", Aim)
    with open_stderr_screen() as screen:
        source = open_source(data, given, destination, workspace, screen.progress)
        named = model or find_default_model(data)
        retriever = find_retriever(named, workspace)
        if model is None:
            screen.line(f"attacked model: {named}; name another with --model")
        written = write_adversarial(retriever, source, destination, attack, role, goal, screen.progress)
    show_scenario(*written, workspace, as_json, ("train",) if role == "train" else ("evaluate", named))


@command("label split facets regime")
def merge(
    *,
    real: Annotated[str, typer.Argument(metavar="REAL", help="As DATA in other commands; it is not changed.")],
    synthetic: Annotated[
        Path, typer.Argument(metavar="SYNTHETIC", help="Folder of synthetic images of its classes.")
    ],
    destination: Destination,
    per_class: Annotated[int | None, typer.Option(help="At most this many synthetic images per class.")] = None,
    fill_to: Annotated[
        int | None,
        typer.Option("--fill-to", "--upto", help="Fill each class up to this many; 32 in the released code."),
    ] = None,
    ratio: Annotated[float | None, typer.Option(help="At most this many synthetic images per real one.")] = None,
    given: TaskOptions,
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Add synthetic images to the training photos of a collection.

    Quotas limit how many; trainings can weigh them differently.

    Example: atlantis scenario merge photos/ synthetic/ photos-and-synthetic --fill-to 32
    """
    from atlantis_core.scenarios.merging import Quotas, merge_synthetic
    from atlantis_dml.app.progress import open_stderr_screen

    quotas = Quotas(per_class, fill_to, ratio)
    with open_stderr_screen() as screen:
        source = open_source(real, given, destination, workspace, screen.progress)
        written = merge_synthetic(source, synthetic.expanduser(), destination, quotas, seed, screen.progress)
    show_scenario(*written, workspace, as_json)
