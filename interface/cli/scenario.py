"""`atlantis scenario`: the situations of the ATLANTIS paper, made from any collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlantis_dml.app.output import report_errors
from atlantis_dml.cli import options
from atlantis_dml.cli.scenario_derived import adversarial, merge
from atlantis_dml.cli.scenario_options import Destination, ScenarioRequest, Seed, show_scenario

if TYPE_CHECKING:
    from pathlib import Path

scenario = typer.Typer(
    help="Put a collection into one of the paper's situations: DEST is a new collection that every command reads.",
    rich_markup_mode=None,
)


@scenario.callback(invoke_without_command=True)
def _which(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@scenario.command("zero-shot")
def zero_shot(
    data: options.Data,
    destination: Destination,
    train_classes: Annotated[int, typer.Option("--train-classes", help="How many; else by --train-share.")] = 0,
    train_share: Annotated[float, typer.Option("--train-share", help="Of the classes, first by name.")] = 0.5,
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    facets: options.FacetColumns = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Test on classes that are not trained on: the first classes by name are trained on, the others are test.

    Example: atlantis scenario zero-shot photos/ photos-zero-shot
    """
    given = {"train_classes": train_classes, "train_share": train_share}
    _make("zero-shot", ScenarioRequest(data, label, split, facets, "seen", workspace), destination, given, 0, as_json)


@scenario.command("full-shot")
def full_shot(
    data: options.Data,
    destination: Destination,
    test_share: Annotated[float, typer.Option("--test-share", help="Of each class's photos.")] = 0.5,
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    facets: options.FacetColumns = None,
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Train and test on every class, with half of its photos each; near-duplicates stay on one side.

    Example: atlantis scenario full-shot photos/ photos-full-shot
    """
    given = {"test_share": test_share}
    _make(
        "full-shot", ScenarioRequest(data, label, split, facets, "seen", workspace), destination, given, seed, as_json
    )


@scenario.command("few-shot")
def few_shot(
    data: options.Data,
    destination: Destination,
    shots: Annotated[int, typer.Option("--shots", help="Training photos that a class keeps.")] = 3,
    classes: Annotated[int, typer.Option("--classes", help="The first so many by name; else all.")] = 0,
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    facets: options.FacetColumns = None,
    regime: options.RegimeName = "seen",
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Leave few training photos in the first classes; validation and test stay whole.

    Example: atlantis scenario few-shot photos/ photos-3-shot --shots 3
    """
    given = {"shots": shots, "classes": classes}
    _make(
        "few-shot", ScenarioRequest(data, label, split, facets, regime, workspace), destination, given, seed, as_json
    )


@scenario.command("imbalanced")
def imbalanced(
    data: options.Data,
    destination: Destination,
    classes: Annotated[int, typer.Option("--classes", help="How many are cut, drawn by chance; else half.")] = 0,
    keep: Annotated[int, typer.Option("--keep", help="Training photos that each of them keeps.")] = 2,
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    facets: options.FacetColumns = None,
    regime: options.RegimeName = "seen",
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Leave hardly a training photo in some classes; validation and test stay whole.

    Example: atlantis scenario imbalanced photos/ photos-imbalanced --classes 20 --keep 2
    """
    given = {"classes": classes, "keep": keep}
    _make(
        "imbalanced",
        ScenarioRequest(data, label, split, facets, regime, workspace),
        destination,
        given,
        seed,
        as_json,
    )


@scenario.command("domain-scarce")
def domain_scarce(
    data: options.Data,
    destination: Destination,
    facet: Annotated[
        list[str],
        typer.Option(
            "--facet",
            metavar="COL=V",
            help=r"A value that becomes scarce; may be given often (\= within COL, \, before another `x=`).",
        ),
    ],
    keep: Annotated[int, typer.Option("--keep", help="Training photos of it that each class keeps.")] = 0,
    share: Annotated[float, typer.Option("--keep-share", help="Instead: share of them that each class keeps.")] = 0.0,
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    facets: options.FacetColumns = None,
    regime: options.RegimeName = "seen",
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Take training photos of some facet values away; validation and test stay whole.

    Example: atlantis scenario domain-scarce photos/ photos-no-nights --facet lighting=night --keep 1
    """
    given = {"facet": ",".join(facet), "keep": keep, "share": share}
    _make(
        "domain-scarce",
        ScenarioRequest(data, label, split, facets, regime, workspace),
        destination,
        given,
        seed,
        as_json,
    )


scenario.command("adversarial")(adversarial)
scenario.command("merge")(merge)


def _make(
    name: str, asked: ScenarioRequest, destination: Path, given: dict[str, Any], seed: int, as_json: bool
) -> None:
    with report_errors(as_json):
        from atlantis_core.scenarios.scenario_writer import write_scenario
        from atlantis_dml.app.progress import open_stderr_screen

        with open_stderr_screen() as screen:
            source = asked.source(destination, screen.progress)
            found = write_scenario(name, source, destination, given, seed, screen.progress)
        show_scenario(*found, asked.workspace, as_json)
