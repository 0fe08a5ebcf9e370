"""Writing a folder that is there whole or not at all."""

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
    """Try whether a folder could be made, and leave nothing behind: to be asked before the work that fills it.

    Args:
        folder: Absolute; it, and folders above it, may be missing.

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
    """Make a hidden folder beside `folder` that is gone afterwards, unless it was renamed.

    What a killed process left there for the same purpose is cleared.

    Args:
        folder: Absolute; gets its name by `part.rename(folder)`, the last thing that is done.
        purpose: One word, part of the hidden name.

    Raises:
        SetupError: Something cannot be written.
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
    except PermissionError:
        return True
    return True
