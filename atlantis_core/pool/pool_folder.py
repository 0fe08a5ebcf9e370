"""The usable photos of an unlabelled folder, and which of them a training may use."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.errors import SetupError
from atlantis_core.base.plural import count_noun
from atlantis_core.data.entries import Entry
from atlantis_core.data.inspection import USUAL_SUFFIXES, inspect_files, summarize_problems
from atlantis_core.data.near_duplicates import find_near_duplicates
from atlantis_core.filtering.leak_guard import CROPS_NOT_SEARCHED, can_find_copies, find_any_copies, match_any

if TYPE_CHECKING:
    from atlantis_core.filtering.leak_guard import HeldOutImages
    from atlantis_core.records import Problem


@dataclass(frozen=True, slots=True)
class PoolImage:
    """One usable image of the pool."""

    id: str
    """First 16 hex digits of the SHA-256 of the file."""
    path: str
    fingerprint: bytes = b""
    """See `near_duplicates`."""


class PoolFolder:
    """A folder of images, searched recursively; the names of files and subfolders have no meaning.

    Args:
        folder: The folder.
        option: The option that named it, for messages.

    Raises:
        SetupError: The folder does not exist, or has no image.
    """

    def __init__(self, folder: str, option: str = "--pool FOLDER") -> None:
        self.path = Path(folder).expanduser().resolve()
        if not self.path.is_dir():
            raise SetupError(f"pool folder {folder!r} does not exist; check {option}")
        self.files = sorted(
            path for path in self.path.rglob("*") if path.suffix.lower() in USUAL_SUFFIXES and path.is_file()
        )
        if not self.files:
            raise SetupError(f"pool folder {folder!r} contains no images; check {option}")

    @cached_property
    def version(self) -> str:
        """Content hash of the names and sizes of the pool's files."""
        listed = [f"{path.relative_to(self.path)}:{path.stat().st_size}" for path in self.files]
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()[:16]

    @cached_property
    def images(self) -> tuple[PoolImage, ...]:
        """The usable images; damaged files, other files and files of the same bytes are left out.

        Raises:
            SetupError: No image is usable.
        """
        return self._read[0]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the files that are left out."""
        return self._read[1]

    @cached_property
    def _read(self) -> tuple[tuple[PoolImage, ...], tuple[Problem, ...]]:
        entries = [Entry(path, str(path.relative_to(self.path)), "", None) for path in self.files]
        found, problems = inspect_files(entries)
        if not found:
            raise SetupError(f"no image of pool {str(self.path)!r} is usable: {summarize_problems(problems)}")
        images = tuple(PoolImage(photo.id, str(photo.entry.path), photo.fingerprint) for photo in found)
        return images, problems


@dataclass(frozen=True, slots=True)
class GuardedPool:
    """The photos of a pool that a training may use, and how many may not."""

    images: tuple[PoolImage, ...]
    held_out: int
    """Photos that nearly equal a validation or test photo."""
    known: int
    """Photos that are training photos, or were used in an earlier round."""
    repeated: int
    """Photos that nearly equal an earlier photo of the pool."""
    crops: int = 0
    """Photos that look like a crop, mirror image or slight rotation of a validation or test photo."""
    crops_searched: bool | None = None
    """Whether crops could be searched for (`leak_guard.can_find_copies`); None if nobody asked for it."""

    def describe(self) -> str:
        """Return a line for the person."""
        reasons = (
            (self.held_out, "nearly equal to a validation or test photo"),
            (self.crops, "that look like a crop of a validation or test photo"),
            (self.known, "already in use"),
            (self.repeated, "nearly equal to another one of the pool"),
        )
        left_out = ", ".join(f"{count} {why}" for count, why in reasons if count)
        text = f"pool: {count_noun(len(self.images), 'usable photo')}" + (f"; left out: {left_out}" * bool(left_out))
        return f"{text}; {CROPS_NOT_SEARCHED}" if self.crops_searched is False else text


def guard_pool(
    images: Sequence[PoolImage],
    held_out: Sequence[HeldOutImages],
    known_ids: Collection[str] = (),
    training: Sequence[bytes] = (),
) -> GuardedPool:
    """Leave out what a training may not see or would see twice.

    The held-out images say only whether something matches, so nothing about them is learnt but the number of matches.
    `training` are fingerprints of training photos. They tell whether crops can be searched for; without, none are.
    """
    fresh = [image for image in images if image.id not in known_ids]
    near = match_any(held_out, [image.fingerprint for image in fresh])
    distant = [image for image, is_near in zip(fresh, near, strict=True) if not is_near]
    crops_searched = can_find_copies(held_out, training) if training else None
    copies = [False] * len(distant)
    if crops_searched:
        copies = find_any_copies(held_out, [image.fingerprint for image in distant])
    allowed = [image for image, is_copy in zip(distant, copies, strict=True) if not is_copy]
    later = {second for _, second in find_near_duplicates([image.fingerprint for image in allowed])}
    kept = tuple(image for row, image in enumerate(allowed) if row not in later)
    known = len(images) - len(fresh)
    return GuardedPool(kept, sum(near), known, len(later), sum(copies), crops_searched)
