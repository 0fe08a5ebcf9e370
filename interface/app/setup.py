"""Opens the workspace, reads DATA, and opens a session on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.records import Regime
from atlantis_dml.app.output import announce

if TYPE_CHECKING:
    from atlantis_core.data.file_listing import ReadOptions
    from atlantis_core.data.reading import LoadedCollection
    from atlantis_core.run.session import Session
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.app.progress import Screen
    from atlantis_dml.app.request import RunRequest


def find_workspace_folder(folder: Path | None) -> Path:
    """Return the folder that the option or the environment names; loads no database."""
    from atlantis_dml.settings import Settings

    return Path(folder or Settings().workspace).expanduser().resolve()


def open_workspace(folder: Path | None) -> Workspace:
    """Return the workspace that the option or the environment names; nothing is created yet."""
    from atlantis_core.store.workspace import Workspace
    from atlantis_dml.settings import Settings

    settings = Settings()
    return Workspace(folder or settings.workspace, settings.database_url)


def has_runs(workspace: Workspace, *, or_complain: bool = False) -> bool:
    """Whether anything is stored in a workspace.

    Raises:
        SetupError: Nothing is, and `or_complain` is set.
    """
    from atlantis_dml.settings import Settings

    there = Settings().database_url is not None or (workspace.folder / "atlantis.db").is_file()
    if or_complain and not there:
        raise SetupError(
            f"no workspace at {str(workspace.folder)!r}; name it with --workspace or ATLANTIS_WORKSPACE, "
            "or begin with `atlantis demo`"
        )
    return there


def open_existing(folder: Path | None) -> Workspace:
    """Return a workspace that has something stored.

    Raises:
        SetupError: It has nothing.
    """
    workspace = open_workspace(folder)
    has_runs(workspace, or_complain=True)
    return workspace


def find_data_folder(data: str, workspace: Workspace, progress: Progress = no_progress) -> Path:
    """Return the folder of DATA; a bundled collection is written first, if it is missing.

    Raises:
        SetupError: No such folder and no such bundled name.
    """
    from atlantis_core.harbor.world_files import is_bundled, write_bundled_collection

    if not data.strip():
        raise SetupError("DATA is empty; name a folder of class folders, or `harbor`")
    folder = Path(data).expanduser()
    if is_bundled(data) and not folder.exists():
        return write_bundled_collection(data, workspace.path("collections"), progress)
    return folder


def check_data(data: str) -> None:
    """Refuse DATA that does not exist, before any work.

    Raises:
        SetupError: No such folder and no such bundled name.
    """
    from atlantis_core.harbor.world_files import is_bundled

    if not is_bundled(data) and not Path(data).expanduser().exists():
        raise SetupError(f"there is no folder {data!r}; check the path (bundled collections: `harbor`)")


def load_data(
    data: str,
    workspace: Workspace,
    options: ReadOptions,
    regime: Regime,
    progress: Progress,
    *,
    needs_queries: bool = True,
) -> LoadedCollection:
    """Read DATA; splits that this workspace drew before are drawn the same way again.

    Without `needs_queries`, images that are only searched are enough.

    Raises:
        SetupError: It does not exist, or too few of its images can be used.
    """
    from atlantis_core.data.reading import read_collection

    folder = find_data_folder(data, workspace, progress)
    if not has_runs(workspace):
        return read_collection(folder, options, regime, progress, needs_queries=needs_queries)
    known = workspace.splits.known(regime)
    loaded = read_collection(folder, options, regime, progress, known, needs_queries=needs_queries)
    opened = workspace.splits.sealed_elsewhere(loaded, regime)
    if not opened:
        return loaded
    other = "unseen" if regime == "seen" else "seen"
    note = f"{opened} images train or validate here that the regime '{other}' seals: report one regime's test figures"
    return replace(loaded, notes=(*loaded.notes, note))


def store_data(loaded: LoadedCollection, workspace: Workspace, regime: Regime) -> str:
    """Store a collection and its splits; return the collection's id."""
    workspace.splits.write(loaded, regime)
    return workspace.collections.add(loaded)


def open_session_without_run(
    purpose: str, request: RunRequest, folder: Path | None, screen: Screen, *, trains: bool = True
) -> Session:
    """Read DATA, find the backbone, and return a session that belongs to no run.

    Captions and costs are stored under the purpose and the collection's name. Without `trains`, nothing is said about
    the settings of trainings.
    """
    from atlantis_dml.app.run_settings import check_spec, describe_backbone, refuse_open_preset, settle_backbone

    check_data(request.spec.data)
    check_spec(request.spec)
    refuse_open_preset(request.spec.preset)
    announce(f"reading {request.spec.data}")
    from atlantis_core.data.reading import summarize_reading
    from atlantis_core.learning.training.presets import describe_adaptation
    from atlantis_core.run.session import Session
    from atlantis_dml.app.chat_models import make_captioner_factory

    store = open_workspace(folder)
    loaded = load_data(request.spec.data, store, request.reading, request.spec.regime, screen.progress)
    spec, backbone = settle_backbone(request.spec)  # loads torch; bad data is refused before
    about = [describe_backbone(backbone)]
    if trains:
        about.append(describe_adaptation(spec.preset, spec.backbone, backbone))
    for line in (summarize_reading(loaded.collection), *loaded.notes, *about):
        if line:
            screen.line(line)
    collection_id = store_data(loaded, store, spec.regime)
    spec = replace(spec, collection_id=collection_id)
    run_id = f"{purpose}-{collection_id[:16]}"
    return Session(store, run_id, spec, screen.progress, make_captioner_factory(store, run_id, spec), screen.line)
