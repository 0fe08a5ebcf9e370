"""`atlantis scenario`: derives the situations of the ATLANTIS paper from any collection.

The commands of this group are in three files: here those that cut or split a collection, in `scenario_derived` those
that add or replace photos, in `scenario_options` what both need.
"""

from __future__ import annotations

from typing import Annotated

import typer

from atlantis_dml.app.request import TaskOptions
from atlantis_dml.app.scenario import make_scenario
from atlantis_dml.cli import options
from atlantis_dml.cli.command import command, make_group
from atlantis_dml.cli.scenario_derived import adversarial, merge
from atlantis_dml.cli.scenario_options import Destination, Seed, show_scenario

scenario = make_group("Derive one of the paper's situations from a collection. DEST is a new collection.")


@scenario.command("zero-shot")
@command("label split facets")
def zero_shot(
    *,
    data: options.Data,
    destination: Destination,
    train_classes: Annotated[int, typer.Option(help="How many; default: by --train-share.")] = 0,
    train_share: Annotated[float, typer.Option(help="Share of the classes, the first by name.")] = 0.5,
    given: TaskOptions,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Test on classes that are not trained on.

    The first classes by name are for training, the others for the test.

    Example: atlantis scenario zero-shot photos/ photos-zero-shot
    """
    choices = {"train_classes": train_classes, "train_share": train_share}
    written = make_scenario("zero-shot", data, given, destination, choices, 0, workspace)
    show_scenario(*written, workspace, as_json)


@scenario.command("full-shot")
@command("label split facets")
def full_shot(
    *,
    data: options.Data,
    destination: Destination,
    test_share: Annotated[float, typer.Option(help="Share of each class's photos.")] = 0.5,
    given: TaskOptions,
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Train and test on every class, with half of its photos each.

    Near-duplicates stay in one split.

    Example: atlantis scenario full-shot photos/ photos-full-shot
    """
    choices = {"test_share": test_share}
    written = make_scenario("full-shot", data, given, destination, choices, seed, workspace)
    show_scenario(*written, workspace, as_json)


@scenario.command("few-shot")
@command("label split facets regime")
def few_shot(
    *,
    data: options.Data,
    destination: Destination,
    shots: Annotated[int, typer.Option(help="Training photos that remain of a class.")] = 3,
    classes: Annotated[int, typer.Option(help="How many classes, the first by name; default: all.")] = 0,
    given: TaskOptions,
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Keep few training photos in the first classes.

    Validation and test do not change.

    Example: atlantis scenario few-shot photos/ photos-3-shot --shots 3
    """
    choices = {"shots": shots, "classes": classes}
    written = make_scenario("few-shot", data, given, destination, choices, seed, workspace)
    show_scenario(*written, workspace, as_json)


@scenario.command("imbalanced")
@command("label split facets regime")
def imbalanced(
    *,
    data: options.Data,
    destination: Destination,
    classes: Annotated[int, typer.Option(help="How many classes to reduce, at random; default: half.")] = 0,
    keep: Annotated[int, typer.Option(help="Training photos that remain of each.")] = 2,
    given: TaskOptions,
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Keep hardly any training photos in some classes.

    Validation and test do not change.

    Example: atlantis scenario imbalanced photos/ photos-imbalanced --classes 20 --keep 2
    """
    choices = {"classes": classes, "keep": keep}
    written = make_scenario("imbalanced", data, given, destination, choices, seed, workspace)
    show_scenario(*written, workspace, as_json)


@scenario.command("cold-start")
@command("label split facets regime")
def cold_start(
    *,
    data: options.Data,
    destination: Destination,
    catalogue: Annotated[
        str,
        typer.Option(metavar="COL=V", help=r"Column and value of catalogue images (write \= for = within COL)."),
    ],
    classes: Annotated[int, typer.Option(help="How many classes lose their photos, at random.")] = 20,
    given: TaskOptions,
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Leave some classes nothing but their catalogue images to train on.

    Validation and test do not change.

    Example: atlantis scenario cold-start photos/ photos-new-products --catalogue kind=catalogue
    """
    choices = {"classes": classes, "catalogue": catalogue}
    written = make_scenario("cold-start", data, given, destination, choices, seed, workspace)
    show_scenario(*written, workspace, as_json)


@scenario.command("domain-scarce")
@command("label split facets regime")
def domain_scarce(
    *,
    data: options.Data,
    destination: Destination,
    facet: Annotated[
        list[str],
        typer.Option(
            metavar="COL=V",
            help=r"A value to make scarce; can be repeated (write \= for = within COL, \, before another `x=`).",
        ),
    ],
    keep: Annotated[int, typer.Option(help="Training photos of it that remain in each class.")] = 0,
    share: Annotated[float, typer.Option("--keep-share", help="The share that remains, instead of --keep.")] = 0.0,
    given: TaskOptions,
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Remove training photos of some facet values.

    Validation and test do not change.

    Example: atlantis scenario domain-scarce photos/ photos-no-nights --facet lighting=night --keep 1
    """
    choices = {"facet": ",".join(facet), "keep": keep, "share": share}
    written = make_scenario("domain-scarce", data, given, destination, choices, seed, workspace)
    show_scenario(*written, workspace, as_json)


scenario.command("adversarial")(adversarial)
scenario.command("merge")(merge)
