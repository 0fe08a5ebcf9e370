"""Writing a file that is there whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MOST_LETTERS = 200  # of its name in that of its part, which is longer; file systems take 255


def check_writable(target: Path) -> None:
    """Try whether a file could be written, and leave nothing behind: to be asked before the work that fills it.

    Raises:
        OSError: It could not.
    """
    with _temporary_path(target):
        target.exists()  # fails where the name is too long


@contextmanager
def write_atomically(target: Path) -> Iterator[Path]:
    """Make an empty file beside `target` that takes its place at the end, and is gone if something fails.

    Readers may look and other processes write the same file at any time: they see one whole file or another.

    Raises:
        OSError: Something cannot be written.
    """
    with _temporary_path(target) as part:
        yield part
        part.replace(target)


@contextmanager
def _temporary_path(target: Path) -> Iterator[Path]:
    part = target.with_name(f".{target.name[:_MOST_LETTERS]}.{uuid.uuid4().hex[:12]}.part")
    part.touch(exist_ok=False)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
