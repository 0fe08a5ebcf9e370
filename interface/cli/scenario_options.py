"""What the commands of `atlantis scenario` share: their arguments, finding DATA, and telling what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atlantis_dml.app.output import print_json, say
from atlantis_dml.app.setup import parse_regime
from atlantis_dml.cli import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atlantis_core.base.ports import Progress
    from atlantis_core.importing.collection_writer import ImportResult
    from atlantis_core.scenarios.scenario_source import ScenarioSource

Destination = Annotated[Path, typer.Argument(metavar="DEST", help="A new folder; photos in it are links.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of what is left to chance.")]


@dataclass(frozen=True, slots=True)
class ScenarioRequest:
    """DATA and how it is to be read, as typed."""

    data: str
    label: str | None
    split: str | None
    facets: str | None
    regime: str
    workspace: Path | None

    def source(self, destination: Path, progress: Progress) -> ScenarioSource:
        """Find DATA; splits that were made in the workspace before are made again as they were.

        Args:
            destination: What is to be made; refused before a bundled collection is written.
            progress: Told of a bundled collection that is written first.

        Raises:
            SetupError: It is not there, or the destination is in the way.
        """
        from atlantis_core.data.reading import ReadOptions
        from atlantis_core.data.split_assignment import KnownSplits
        from atlantis_core.importing.collection_writer import resolve_source
        from atlantis_core.scenarios.scenario_source import ScenarioSource
        from atlantis_dml.app.setup import check_data, find_data_folder, has_runs, open_workspace

        check_data(self.data)
        regime, columns = parse_regime(self.regime), options.parse_columns(self.facets, "--facets")
        store = open_workspace(self.workspace)
        folder = find_data_folder(self.data, store, progress)
        resolve_source(folder, destination)
        known = store.splits.known(regime) if has_runs(store) else KnownSplits()
        return ScenarioSource(folder, ReadOptions(self.label, self.split, columns), regime, known)


def show_scenario(
    written: ImportResult,
    story: dict[str, Any],
    workspace: Path | None,
    as_json: bool,
    then: Sequence[str] = ("train",),
) -> None:
    """Print what was written.

    Args:
        written: Where, and what.
        story: What lies beside it as `scenario.json`.
        workspace: As typed.
        as_json: Print all of it as one JSON object.
        then: The words of a command to go on with, up to DEST.
    """
    from atlantis_core.base.text import clean_text
    from atlantis_dml.app.command_lines import join_shell_line

    facts = {
        **story,
        "folder": str(written.folder),
        "images": written.images,
        "classes": written.classes,
        "splits": {name: count for name, count in written.splits.items() if name},
        "regime": "unseen" if written.unseen else "seen",
        "linked": written.linked,
    }
    if as_json:
        print_json(facts)
        return
    typer.echo(clean_text(f"{written.images:,} photos of {written.classes:,} classes in {written.folder}", 2000))
    typer.echo(f"splits: {_join_splits(facts['splits'])} (before: {_join_splits(story['before']['splits'])})")
    for note in written.notes:
        say(note)
    given = {"--regime": "unseen" if written.unseen else None, "--workspace": workspace}
    typer.echo(clean_text(f"next: {join_shell_line((*then, written.folder), given)}", 2000))


def _join_splits(splits: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in splits.items())
