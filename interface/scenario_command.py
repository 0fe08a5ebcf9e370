"""`atlantis scenario`: the situations of the ATLANTIS paper, made from any collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlantis_dml import options
from atlantis_dml.answering import answering, say, show_json

if TYPE_CHECKING:
    from atlantis_core.importing.writing import Imported

scenario = typer.Typer(
    help="Put a collection into one of the paper's situations: DEST is a new collection that every command reads.",
    rich_markup_mode=None,
)


@scenario.callback(invoke_without_command=True)
def _which(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


Destination = Annotated[Path, typer.Argument(metavar="DEST", help="A new folder; photos in it are links.")]
Source = Annotated[Path, typer.Argument(metavar="DATA", help="A collection's folder; it stays as it is.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of what is left to chance.")]


@scenario.command("zero-shot")
def zero_shot(
    data: Source,
    destination: Destination,
    train_classes: Annotated[int, typer.Option("--train-classes", help="How many; else the first half.")] = 0,
    label: options.LabelColumn = None,
    as_json: options.Json = False,
) -> None:
    """Test on classes that are not trained on: the first classes by name are trained on, the others are test.

    Example: atlantis scenario zero-shot photos/ photos-zero-shot
    """
    _make("zero-shot", data, destination, {"train_classes": train_classes}, label, None, "seen", 0, as_json)


@scenario.command("full-shot")
def full_shot(
    data: Source,
    destination: Destination,
    test_share: Annotated[float, typer.Option("--test-share", help="Of each class's photos.")] = 0.5,
    label: options.LabelColumn = None,
    as_json: options.Json = False,
) -> None:
    """Train and test on every class, with half of its photos each; near-duplicates stay on one side.

    Example: atlantis scenario full-shot photos/ photos-full-shot
    """
    _make("full-shot", data, destination, {"test_share": test_share}, label, None, "seen", 0, as_json)


@scenario.command("few-shot")
def few_shot(
    data: Source,
    destination: Destination,
    shots: Annotated[int, typer.Option("--shots", help="Training photos that a class keeps.")] = 3,
    classes: Annotated[int, typer.Option("--classes", help="The first so many by name; else all.")] = 0,
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    regime: options.RegimeName = "seen",
    seed: Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Leave few training photos in the first classes; validation and test stay whole.

    Example: atlantis scenario few-shot photos/ photos-3-shot --shots 3
    """
    given = {"shots": shots, "classes": classes}
    _make("few-shot", data, destination, given, label, split, regime, seed, as_json)


@scenario.command("imbalanced")
def imbalanced(
    data: Source,
    destination: Destination,
    classes: Annotated[int, typer.Option("--classes", help="How many are cut, drawn by chance; else half.")] = 0,
    keep: Annotated[int, typer.Option("--keep", help="Training photos that each of them keeps.")] = 2,
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    regime: options.RegimeName = "seen",
    seed: Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Leave hardly a training photo in some classes; validation and test stay whole.

    Example: atlantis scenario imbalanced photos/ photos-imbalanced --classes 20 --keep 2
    """
    given = {"classes": classes, "keep": keep}
    _make("imbalanced", data, destination, given, label, split, regime, seed, as_json)


@scenario.command("domain-scarce")
def domain_scarce(
    data: Source,
    destination: Destination,
    facet: Annotated[
        list[str], typer.Option("--facet", metavar="COL=V", help="A value that becomes scarce; may be given often.")
    ],
    keep: Annotated[int, typer.Option("--keep", help="Training photos of it that each class keeps.")] = 0,
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    regime: options.RegimeName = "seen",
    seed: Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Take training photos of some facet values away; validation and test stay whole.

    Example: atlantis scenario domain-scarce photos/ photos-no-nights --facet lighting=night --keep 1
    """
    given = {"facet": ",".join(facet), "keep": keep}
    _make("domain-scarce", data, destination, given, label, split, regime, seed, as_json)


@scenario.command("adversarial")
def adversarial(
    data: Source,
    destination: Destination,
    model: Annotated[
        str, typer.Option("--model", help="Whose embeddings are attacked: a trial, a run, a file or a timm name.")
    ],
    method: Annotated[str, typer.Option("--attack", metavar="fgsm|pgd", help="One gradient, or several.")] = "pgd",
    epsilon: Annotated[float, typer.Option("--epsilon", help="Most change of a pixel's channel, of 0..255.")] = 2.0,
    steps: Annotated[int, typer.Option("--attack-steps", help="Gradients of pgd.")] = 10,
    attacked: Annotated[
        str,
        typer.Option(
            "--attacked", metavar="validation|train", help="validation is replaced, train gets attacked copies."
        ),
    ] = "validation",
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    regime: options.RegimeName = "seen",
    seed: Seed = 0,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Change photos so little that nobody sees it, and so that MODEL takes them for another class.

    Example: atlantis scenario adversarial photos/ photos-attacked --model last --epsilon 2
    """
    with answering(as_json):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.learning.attacks import Attack
        from atlantis_core.scenarios.adversarial import make_adversarial
        from atlantis_core.scenarios.making import outside
        from atlantis_dml.progress import screen_on_stderr
        from atlantis_dml.retrievers import find_retriever

        attack, part = Attack(method, epsilon, steps, seed), _attacked(attacked)
        outside(data, destination)
        retriever = find_retriever(model, workspace)
        read = ReadOptions(label, split)
        with screen_on_stderr() as screen:
            found = make_adversarial(
                retriever, data, destination, attack, part, read, options.regime(regime), screen.progress
            )
        _tell(*found, as_json)


@scenario.command("merge")
def merge(
    real: Annotated[Path, typer.Argument(metavar="REAL", help="A collection's folder; it stays as it is.")],
    made: Annotated[Path, typer.Argument(metavar="SYNTHETIC", help="Folder of made photos of its classes.")],
    destination: Destination,
    per_class: Annotated[int | None, typer.Option("--per-class", help="At most so many made ones a class.")] = None,
    fill_to: Annotated[int | None, typer.Option("--fill-to", help="Fill up to so many; 32 as released.")] = None,
    ratio: Annotated[float | None, typer.Option("--ratio", help="At most so many made ones for each real.")] = None,
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    regime: options.RegimeName = "seen",
    seed: Seed = 0,
    as_json: options.Json = False,
) -> None:
    """Put made photos among the training photos of a collection, within quotas; trainings can weigh them apart.

    Example: atlantis scenario merge photos/ made/ photos-and-made --fill-to 32
    """
    with answering(as_json):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.scenarios.merging import Quotas
        from atlantis_core.scenarios.merging import merge as merged
        from atlantis_dml.progress import screen_on_stderr

        quotas, read = Quotas(per_class, fill_to, ratio), ReadOptions(label, split)
        with screen_on_stderr() as screen:
            found = merged(real, made, destination, quotas, read, options.regime(regime), seed, screen.progress)
        _tell(*found, as_json)


def _make(
    name: str,
    data: Path,
    destination: Path,
    given: dict[str, Any],
    label: str | None,
    split: str | None,
    regime: str,
    seed: int,
    as_json: bool,
) -> None:
    with answering(as_json):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.scenarios.making import make_scenario
        from atlantis_dml.progress import screen_on_stderr

        read, chosen = ReadOptions(label, split), options.regime(regime)
        with screen_on_stderr() as screen:
            found = make_scenario(name, data, destination, given, read, chosen, seed, screen.progress)
        _tell(*found, as_json)


def _attacked(text: str) -> Any:
    from typing import get_args

    from atlantis_core.errors import SetupError
    from atlantis_core.scenarios.adversarial import Attacked

    if text not in get_args(Attacked):
        raise SetupError(f"unknown --attacked {text!r}; known: {', '.join(get_args(Attacked))}")
    return text


def _tell(written: Imported, story: dict[str, Any], as_json: bool) -> None:
    from atlantis_core.data.text import clean

    facts = {
        **story,
        "folder": str(written.folder),
        "images": written.images,
        "classes": written.classes,
        "splits": {name: count for name, count in written.splits.items() if name},
        "regime": "unseen" if written.unseen else "seen",
    }
    if as_json:
        show_json(facts)
        return
    splits = ", ".join(f"{name} {count:,}" for name, count in facts["splits"].items())
    before = ", ".join(f"{name} {count:,}" for name, count in story["before"]["splits"].items())
    typer.echo(clean(f"{written.images:,} photos of {written.classes:,} classes in {written.folder}", 2000))
    typer.echo(f"splits: {splits} (before: {before})")
    for note in written.notes:
        say(note)
    regime = " --regime unseen" if written.unseen else ""
    typer.echo(clean(f"next: atlantis train {written.folder}{regime}", 2000))
