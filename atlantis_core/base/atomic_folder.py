"""Atomic writes of a folder: it appears complete or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_printable


def check_writable(folder: Path) -> None:
    """Check that a folder can be created, before the work that fills it; leave nothing behind.

    The path is absolute; the folder and its parents may be missing.

    Raises:
        SetupError: Nothing can be written there.
    """
    above = folder.parent
    while not os.path.lexists(above):
        above = above.parent
    try:
        tempfile.TemporaryDirectory(dir=above, prefix=f".{folder.name}.").cleanup()
    except OSError as error:
        raise _unwritable_error(folder, error) from error


@contextmanager
def temporary_folder(folder: Path, purpose: str) -> Iterator[Path]:
    """Yield a hidden folder beside `folder`, and delete it afterwards unless the caller has renamed it.

    Folders that killed processes left behind for the same purpose are deleted first.

    The path is absolute; the caller's last step is `part.rename(folder)`. `purpose` is one word of the hidden name.

    Raises:
        SetupError: The folder cannot be written.
    """
    part = folder.with_name(f".{folder.name}.{purpose}-{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(folder, purpose)
        part.mkdir()
        yield part
    except OSError as error:
        raise _unwritable_error(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unwritable_error(folder: Path, error: OSError) -> SetupError:
    at = f" ({to_printable(str(error.filename))!r})" if error.filename else ""
    return SetupError(f"{to_printable(str(folder))!r} cannot be written: {error.strerror or error}{at}")


def _remove_stale(folder: Path, purpose: str) -> None:
    start = f".{folder.name}.{purpose}-"
    for other in folder.parent.iterdir():
        process = other.name.removeprefix(start)
        if other.name.startswith(start) and process.isdigit() and not _is_alive(int(process)):
            shutil.rmtree(other, ignore_errors=True)


def _is_alive(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it runs, as another user
        pass
    return True
