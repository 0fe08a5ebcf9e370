"""Atomic writes of a file: readers see the old content or the new, never a part."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MAX_NAME_CHARS = 200  # kept of the target's name: the temporary name is longer, and file systems allow 255


def check_writable(target: Path) -> None:
    """Check, with an `OSError`, that a file can be written, before the work for it; leave nothing behind."""
    with _temporary_path(target):
        target.exists()  # fails where the name is too long


@contextmanager
def write_atomically(target: Path) -> Iterator[Path]:
    """Yield an empty temporary file beside `target`; rename it to `target` at the end, delete it on an error.

    Other processes may read and write the same target at any time.

    Raises:
        OSError: The file cannot be written.
    """
    with _temporary_path(target) as part:
        yield part
        part.replace(target)


@contextmanager
def _temporary_path(target: Path) -> Iterator[Path]:
    part = target.with_name(f".{target.name[:_MAX_NAME_CHARS]}.{uuid.uuid4().hex[:12]}.part")
    part.touch(exist_ok=False)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
