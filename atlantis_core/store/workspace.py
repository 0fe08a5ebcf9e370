"""One workspace folder: where everything a run needs or makes is kept (design: "The store")."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DatabaseError

from atlantis_core.base.errors import SetupError
from atlantis_core.store import tables
from atlantis_core.store.candidates import CandidateStore
from atlantis_core.store.collections import CollectionStore
from atlantis_core.store.events import EventStore
from atlantis_core.store.journal import Journal
from atlantis_core.store.ledger import Ledger
from atlantis_core.store.result_cache import ResultCache
from atlantis_core.store.runs import Run, RunStatus, RunStore
from atlantis_core.store.splits import SplitStore
from atlantis_core.store.trials import TrialStore

_RETRY_SECONDS = 0.1


class Workspace:
    """The folder and its database.

    ```
    atlantis.db       collections, splits, runs, candidates, verdicts, trials, journal, ledger, events
    checkpoints.db    the graph's own checkpoints
    objects/          made images, named by the content address of their request
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
        """The database, created when first asked for.

        Raises:
            SetupError: The folder cannot be made or written, or the file in it is no database.
        """
        try:
            engine = create_engine(self._url or f"sqlite:///{self.path() / 'atlantis.db'}")
            event.listen(engine, "connect", _prepare_sqlite)
            tables.metadata.create_all(engine)
        except DatabaseError as error:
            raise SetupError(f"workspace {str(self.folder)!r} cannot be used: {error.orig}") from error
        return engine

    def path(self, *parts: str) -> Path:
        """Return a folder inside the workspace, made if it is not there.

        Raises:
            SetupError: It cannot be made.
        """
        folder = self.folder.joinpath(*parts)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"workspace {str(self.folder)!r} cannot be used: {error}") from error
        return folder

    @property
    def objects(self) -> Path:
        """Folder of made images."""
        return self.path("objects")

    @property
    def models(self) -> Path:
        """Folder of trained retrievers, one folder a trial."""
        return self.path("models")

    @property
    def checkpoints(self) -> Path:
        """SQLite file of the graph's checkpoints."""
        return self.path() / "checkpoints.db"

    @cached_property
    def collections(self) -> CollectionStore:
        """Collections as they were read."""
        return CollectionStore(self.engine)

    @cached_property
    def splits(self) -> SplitStore:
        """Splits that were made here."""
        return SplitStore(self.engine)

    @cached_property
    def runs(self) -> RunStore:
        """Runs and their settings."""
        return RunStore(self.engine)

    @cached_property
    def receipts(self) -> ResultCache:
        """Receipts of finished jobs."""
        return ResultCache(self.engine)

    @cached_property
    def candidates(self) -> CandidateStore:
        """Made images and their verdicts."""
        return CandidateStore(self.engine, self.folder)

    @cached_property
    def trials(self) -> TrialStore:
        """Trainings."""
        return TrialStore(self.engine, self.folder)

    @cached_property
    def journal(self) -> Journal:
        """What each round did."""
        return Journal(self.engine)

    @cached_property
    def ledger(self) -> Ledger:
        """What was spent."""
        return Ledger(self.engine)

    @cached_property
    def events(self) -> EventStore:
        """The trace."""
        return EventStore(self.engine)

    @contextmanager
    def lock(self, run_id: str) -> Iterator[None]:
        """Hold a run against a second process; the lock ends with the process, however it ends.

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

    def is_held(self, run_id: str) -> bool:
        """Whether a process is working on a run; asking changes nothing and makes no file."""
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
        return "stopped" if run.status == "running" and not self.is_held(run.id) else run.status


def _try_lock(handle: TextIO) -> None:
    """Lock a file, trying once more where `is_held` may just be looking at it."""
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
