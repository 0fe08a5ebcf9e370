"""`atlantis train` and `presets`: a retriever without the loop."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlantis_core.errors import SetupError
from atlantis_dml import options
from atlantis_dml.answering import answering, say, show_json

if TYPE_CHECKING:
    from atlantis_dml.assembly import Asked

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SETTING=VALUE", help="Change a setting of the preset; may be given often."),
]


def train(
    data: options.Data,
    preset: options.Preset = "auto",
    settings: Settings = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Trainings, of which mean and spread are told.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="First seed.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Also export what was trained to a new folder (`atlantis export`)."
        ),
    ] = None,
    backbone: options.Backbone = None,
    weights: options.Weights = None,
    regime: options.RegimeName = "seen",
    label: options.LabelColumn = None,
    split: options.SplitColumn = None,
    query: options.Query = None,
    gallery: options.Gallery = None,
    facets: options.FacetColumns = None,
    workspace: options.WorkspaceFolder = None,
    as_json: options.Json = False,
) -> None:
    """Train a retriever on the training split of DATA and measure it on validation; makes no image.

    Example: atlantis train photos/ --preset full --set steps=300 --seeds 3
    """
    with answering(as_json):
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.records import Budget, Goal, RunSpec
        from atlantis_dml.assembly import Asked

        spec = RunSpec(
            collection_id="",
            data=data,
            goal=Goal(""),
            budget=Budget(),
            preset=changed(preset, settings or []),
            backbone=backbone,
            weights=weights,
            seeds=seeds,
            seed=seed,
            regime=options.regime(regime),
            query=options.column_value(query, "--query"),
            gallery=options.column_value(gallery, "--gallery"),
        )
        read = ReadOptions(label, split, options.columns(facets, "--facets"))
        with _place(workspace) as folder:
            found = trained(Asked(data, "", read, spec), folder, None if is_follower() else out)
        if is_follower():
            return
        show_json(found) if as_json else _show(found)


@contextmanager
def _place(workspace: Path | None) -> Iterator[Path | None]:
    """Give every process but the first a workspace of its own for the while: one database has one writer."""
    if not is_follower():
        yield workspace
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def is_follower() -> bool:
    """Whether `accelerate launch` started this process beside a first one, which alone keeps and says anything."""
    from atlantis_core.learning.devices import processes

    return processes()[0] > 0


def trained(asked: Asked, folder: Path | None, out: Path | None = None) -> dict[str, Any]:
    """Read DATA, train and measure.

    Args:
        asked: Data and settings.
        folder: The workspace.
        out: A new folder for what was trained; of several seeds it gets a folder each.

    Raises:
        SetupError: Anything a person must mend.
    """
    from atlantis_core.baseline import train_baseline
    from atlantis_core.exporting.writing import check_free, export_trials
    from atlantis_dml.measuring import solo_session
    from atlantis_dml.progress import screen_on_stderr
    from atlantis_dml.reproducing import evaluation_of

    if out is not None:
        check_free(out)
    seeds = range(asked.spec.seed, asked.spec.seed + asked.spec.seeds)
    with screen_on_stderr() as screen:
        session = solo_session("train", asked, folder, screen)
        found = {"data": asked.data} | train_baseline(session, seeds)
        if out is not None:
            found["trials"] = export_trials(session, found["trials"], out)
            folder = session.workspace.folder  # an export tells nothing of what it was trained on, only this does
        found["next"] = evaluation_of(_first_trained(found), asked, folder)
    return found


def _first_trained(found: dict[str, Any]) -> str:
    """Return the folder that the first trial that did not diverge was exported to, else its id."""
    first = next(trial for trial in found["trials"] if "path" in trial)
    return str(first.get("exported", first["id"]))


def presets(as_json: options.Json = False) -> None:
    """List the recipes that --preset takes, with their settings."""
    with answering(as_json):
        from atlantis_core.learning.presets import PRESETS
        from atlantis_core.plain import as_json as plain
        from atlantis_dml.run_view import stdout_console, table

        found = {name: plain(recipe) for name, recipe in PRESETS.items()}
        if as_json:
            show_json(found)
            return
        names = list(found)
        values = {setting: [f"{found[name][setting]}" for name in names] for setting in found[names[0]]}
        rows = [(setting, *row) for setting, row in values.items() if len(set(row)) > 1]
        stdout_console().print(table(("setting", *names), rows, right=()))
        same = [f"{setting}={row[0]}" for setting, row in values.items() if len(set(row)) == 1]
        typer.echo(f"the same in all: {', '.join(same)}")


def changed(preset: str, settings: list[str]) -> str:
    """Return the preset with its changes as the one text that runs keep; a change that it came with gives way.

    Raises:
        SetupError: A setting holds the sign that divides settings.
    """
    for setting in settings:
        if "&" in setting:
            raise SetupError(f"--set {setting!r} is more than one setting; give each a --set of its own, without &")
    if not settings:
        return preset
    name, _, told = preset.partition("?")
    replaced = set(map(_setting, settings))
    stays = [item for item in told.split("&") if item and _setting(item) not in replaced]
    return f"{name}?{'&'.join([*stays, *settings])}"


def _setting(change: str) -> str:
    """Return the name in `setting=value`."""
    return change.partition("=")[0].strip()


def _show(found: dict[str, Any]) -> None:
    from atlantis_core.data.text import clean
    from atlantis_dml.run_view import stdout_console, table
    from atlantis_dml.wording import duration, known_queries

    frozen = found["frozen"]
    began = "frozen (random weights)" if found["weights"] == "random" else "frozen"
    rows = [(began, "", f"{frozen['recall_at']['1']:.3f}", f"{frozen['map_at_r']:.3f}", "")]
    for trial in found["trials"]:
        if "error" in trial:
            say(f"seed {trial['seed']} diverged: {trial['error']}")
            continue
        figures = f"{trial['recall_at']['1']:.3f}", f"{trial['map_at_r']:.3f}", duration(trial["seconds"])
        rows.append((trial["id"], str(trial["seed"]), *figures))
    stdout_console().print(table(("model", "seed", "R@1", "MAP@R", "took"), rows, right=(1, 2, 3, 4)))
    recall = found["recall_at_1"]
    spread = "" if recall["sd"] is None else f" +- {recall['sd']:.3f} (standard deviation over seeds)"
    chosen = " The best weights were chosen on these very queries." if found["chosen_on_queries"] else ""
    typer.echo(f"Recall@1 {recall['mean']:.3f}{spread} on {found['queries']} validation queries.{chosen}")
    for line in known_queries(found):
        typer.echo(line)
    for exported in (trial["exported"] for trial in found["trials"] if "exported" in trial):
        typer.echo(clean(f"exported to {exported}", 2000))
    typer.echo(clean(f"next: {found['next']}", 2000))
