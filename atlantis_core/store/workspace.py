"""The workspace: the folder with everything that runs need and produce."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from atlantis_core.base.errors import SetupError
from atlantis_core.store import tables
from atlantis_core.store.answers import AnswerStore
from atlantis_core.store.candidates import CandidateStore
from atlantis_core.store.events import EventStore
from atlantis_core.store.journal import Journal
from atlantis_core.store.ledger import Ledger
from atlantis_core.store.result_cache import ResultCache
from atlantis_core.store.runs import Run, RunStatus, RunStore
from atlantis_core.store.trials import TrialStore

if TYPE_CHECKING:
    from atlantis_core.store.collections import CollectionStore
    from atlantis_core.store.splits import SplitStore

_RETRY_SECONDS = 0.1


class Workspace:
    """The folder and its database; each attribute below is the store of one kind of record.

    ```
    atlantis.db       collections, splits, runs, candidates, verdicts, trials, answers, journal, ledger, events
    checkpoints.db    the graph's checkpoints
    objects/          synthetic images, named by the content hash of their request
    models/<trial>/   safetensors + JSON
    cache/            activations and rendered bundled collections; may be deleted at any time
    runs/<id>/        report.html, report.json
    ```
    """

    def __init__(self, folder: str | Path, url: str | None = None) -> None:
        self.folder = Path(folder).expanduser().resolve()
        self._url = url

    @cached_property
    def engine(self) -> Engine:
        """The database, created on first use.

        Raises:
            SetupError: The folder cannot be created or written, or its file is not a database.
        """
        try:
            engine = create_engine(self._url or f"sqlite:///{self.path() / 'atlantis.db'}")
            event.listen(engine, "connect", _prepare_sqlite)
            tables.metadata.create_all(engine)
        except DatabaseError as error:
            raise SetupError(f"workspace {str(self.folder)!r} cannot be used: {error.orig}") from error
        return engine

    def path(self, *parts: str) -> Path:
        """Return a folder in the workspace, created if missing.

        Raises:
            SetupError: It cannot be created.
        """
        folder = self.folder.joinpath(*parts)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"workspace {str(self.folder)!r} cannot be used: {error}") from error
        return folder

    @property
    def objects(self) -> Path:
        """Folder of synthetic images."""
        return self.path("objects")

    @property
    def models(self) -> Path:
        """Folder of trained retrievers, one folder per trial."""
        return self.path("models")

    @property
    def checkpoints(self) -> Path:
        """SQLite file of the graph's checkpoints."""
        return self.path() / "checkpoints.db"

    @cached_property
    def collections(self) -> CollectionStore:
        """Collections as they were read; the import loads numpy, which a list of runs can do without."""
        from atlantis_core.store.collections import CollectionStore

        return CollectionStore(self.engine)

    @cached_property
    def splits(self) -> SplitStore:
        """The splits that were drawn."""
        from atlantis_core.store.splits import SplitStore

        return SplitStore(self.engine)

    runs = cached_property(lambda self: RunStore(self.engine))
    results = cached_property(lambda self: ResultCache(self.engine))
    candidates = cached_property(lambda self: CandidateStore(self.engine, self.folder))
    trials = cached_property(lambda self: TrialStore(self.engine, self.folder))
    answers = cached_property(lambda self: AnswerStore(self.engine))
    journal = cached_property(lambda self: Journal(self.engine))
    ledger = cached_property(lambda self: Ledger(self.engine))
    events = cached_property(lambda self: EventStore(self.engine))

    @contextmanager
    def lock(self, run_id: str) -> Iterator[None]:
        """Lock a run against other processes; the lock ends with the process, however it ends.

        Raises:
            SetupError: Another process is working on this run.
        """
        path = self.path("runs", run_id) / "lock"
        if not os.access(path.parent, os.W_OK):
            raise SetupError(f"workspace {str(self.folder)!r} cannot be written")
        with path.open("w") as handle:
            try:
                _try_lock(handle)
            except BlockingIOError as error:
                raise SetupError(f"run {run_id!r} is being worked on by another process") from error
            yield

    def is_locked(self, run_id: str) -> bool:
        """Whether a process is working on a run; creates no file."""
        import fcntl

        try:
            with (self.folder / "runs" / run_id / "lock").open() as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def read_status(self, run: Run) -> RunStatus:
        """Return the status of a run; `stopped` if it is marked running but its process is gone."""
        return "stopped" if run.status == "running" and not self.is_locked(run.id) else run.status


def _try_lock(handle: TextIO) -> None:
    """Lock a file; try twice, because `is_locked` may be holding it for a moment."""
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(_RETRY_SECONDS)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA journal_mode=WAL")  # readers (trace, reports) never block the run
        connection.execute("PRAGMA busy_timeout=10000")
