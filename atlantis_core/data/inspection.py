"""Inspecting every file once: is it an image, complete, of a usable size, and not a copy?"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.plural import count_noun
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.data.entries import LISTED_TWICE, OTHER_FILE, Entry, drop_repeated, problem_kind
from atlantis_core.data.image_io import UnreadableImage, open_undecoded, read_bytes, readable_formats
from atlantis_core.data.near_duplicates import fingerprint_image
from atlantis_core.data.pixels import VERSION, is_read_anew
from atlantis_core.records import Problem

if TYPE_CHECKING:
    from PIL.Image import Image

MIN_SIDE_PX = 8
"""Smaller images have nothing to learn from."""

USUAL_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif"}
)
"""Usual suffixes of files that can be read as images, in lower case."""

_FOREIGN = frozenset(
    {".heic", ".heif", ".svg", ".psd", ".jxl", ".jp2", ".raw", ".cr3", ".ico", ".eps", ".pdf", ".mp4", ".mov"}
)

_CAMERA_RAW = frozenset({".dng", ".nef", ".nrw", ".cr2", ".arw", ".orf", ".rw2", ".pef", ".srw"})
"""Files of cameras in the manner of TIFF: what Pillow reads of them is a small preview."""

LEFT_OUT_HINT = "(atlantis diagnose DATA --json lists them)"
"""Where every problem is named."""

_EMPTY = "empty: no bytes in it"
_PLURALS = {
    "duplicate": "duplicates",
    "not an image": "not images",
    "not a file": "not files",
    "system folder": "in system folders",
    "bad metadata line": "bad metadata lines",
    "hidden folder": "in hidden folders",
    "hidden file": "hidden files",
    "loose file": "loose files",
    "other file": "other files",
    "empty class": "empty classes",
    "link to a folder": "links to folders",
    "unknown depth": "of unknown depth",
}


@dataclass(frozen=True, slots=True)
class InspectedFile:
    """A file that decoded as a complete image."""

    entry: Entry
    sha256: str
    """Of the file's bytes, 64 hex digits."""
    fingerprint: bytes
    """See `near_duplicates.fingerprint_image`."""
    pixels_version: int = 1
    """`data.pixels.VERSION` if it has other pixels since then, else 1."""
    has_more_frames: bool = False
    """Whether only the first of its frames or pages is used."""

    @property
    def id(self) -> str:
        """The image id, 16 hex digits: it changes with the bytes, and with what is read from them.

        So whatever was computed and stored from earlier pixels of this file is not used again.
        """
        if self.pixels_version == 1:
            return self.first_id
        return _later_id(self.sha256, self.pixels_version)

    @property
    def first_id(self) -> str:
        """The image id in version 1 of the pixels: the first digits of the hash."""
        return self.sha256[:16]


def possible_ids(sha256: str) -> tuple[str, str]:
    """Return the ids that an image whose bytes have this hash may have; see `InspectedFile.id`."""
    return sha256[:16], _later_id(sha256, VERSION)


def _later_id(sha256: str, pixels_version: int) -> str:
    return hashlib.sha256(f"{sha256}/{pixels_version}".encode()).hexdigest()[:16]


def inspect_files(
    entries: Sequence[Entry], progress: Progress = no_progress
) -> tuple[tuple[InspectedFile, ...], tuple[Problem, ...]]:
    """Decode every file once, as it is read later; return the usable images and the problems, sorted by file name."""
    once, repeated = drop_repeated(entries)
    in_order = sorted(once, key=lambda entry: (entry.name, entry.label))
    results = list(_inspect_all(in_order, progress))
    problems = [result for result in results if isinstance(result, Problem)]
    unique, copies = _drop_copies([result for result in results if isinstance(result, InspectedFile)])
    notes = [repeated[image.entry.name] for image in unique if image.entry.name in repeated]
    every = dict.fromkeys([*problems, *copies, *notes])  # a missing file listed under two labels is one problem
    return unique, tuple(sorted(every, key=lambda problem: problem.path))


def _inspect_all(entries: Sequence[Entry], progress: Progress) -> Iterator[InspectedFile | Problem]:
    """Inspect files in threads (Pillow decodes outside the interpreter lock), in order."""
    readable_formats()  # loads Pillow's plugins once, before the threads do
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        try:
            for done, result in enumerate(pool.map(_inspect_file, entries), start=1):
                yield result
                if done % 100 == 0 or done == len(entries):
                    progress("reading images", done, len(entries))
        finally:
            pool.shutdown(cancel_futures=True)  # Ctrl-C must not wait for thousands of files


def _inspect_file(entry: Entry) -> InspectedFile | Problem:
    try:
        if not entry.path.is_file():
            return Problem(entry.name, "not a file" if entry.path.exists() else "missing: no such file")
        content = read_bytes(entry.path)
        if not content or entry.path.suffix.lower() in _CAMERA_RAW:
            return Problem(entry.name, _describe_unrecognised(entry.path) if content else _EMPTY)
        with open_undecoded(content) as image:
            if fault := _check_size(image):
                return Problem(entry.name, fault)
            is_new, has_more = is_read_anew(image), _has_more_frames(image)
            fingerprint = fingerprint_image(image)  # only a full decode finds truncation
    except UnreadableImage as error:
        return Problem(entry.name, _describe_fault(error, entry.path))
    except OSError as error:
        return Problem(entry.name, f"unreadable: {error.strerror}")
    return InspectedFile(entry, hashlib.sha256(content).hexdigest(), fingerprint, VERSION if is_new else 1, has_more)


def _has_more_frames(image: Image) -> bool:
    """Whether a file has frames or pages beside the first; a phone's JPEG with a depth map or preview has not."""
    return image.format != "MPO" and bool(getattr(image, "is_animated", False))


def check_header(source: Path | bytes, name: str) -> str:
    """Return what the header of an image (file or content) shows to be wrong; empty if nothing is.

    No pixel is decoded. The suffix of `name` says which format it claims to be.
    """
    if not (source if isinstance(source, bytes) else source.stat().st_size):
        return _EMPTY
    try:
        with open_undecoded(source) as image:
            return _check_size(image)
    except UnreadableImage as error:
        return _describe_fault(error, Path(name))


def excluded_files(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return one problem for each excluded file; a file that is only listed twice is in use."""
    by_path: dict[str, Problem] = {}
    for problem in problems:
        if problem_kind(problem) != LISTED_TWICE:
            by_path.setdefault(problem.path, problem)
    return tuple(by_path.values())


def count_kinds(kinds: Counter[str]) -> str:
    """Return counted kinds of problems in words, the most frequent first: `5 truncated, 4 duplicates`."""
    by_count = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {kind if count == 1 else _PLURALS.get(kind, kind)}" for kind, count in by_count)


def summarize_problems(problems: Sequence[Problem]) -> str:
    """Return the problems in one line, empty if there are none.

    Example:
        `12 files left out: 5 truncated, 4 duplicates, 3 not images (atlantis diagnose DATA --json lists them)`
    """
    kinds = Counter(problem_kind(problem) for problem in excluded_files(problems))
    del kinds[OTHER_FILE]
    twice = sum(problem_kind(problem) == LISTED_TWICE for problem in problems)
    parts = [f"{count_noun(kinds.total(), 'file')} left out: {count_kinds(kinds)}"] if kinds else []
    parts += [f"{count_noun(twice, 'file')} {LISTED_TWICE}"] if twice else []
    return f"{'; '.join(parts)} {LEFT_OUT_HINT}" if parts else ""


def _check_size(image: Image) -> str:
    width, height = image.size
    if min(width, height) < MIN_SIDE_PX:
        return f"too small: {width} x {height} pixels (at least {MIN_SIDE_PX} a side)"
    return ""


def _describe_fault(error: UnreadableImage, path: Path) -> str:
    return _describe_unrecognised(path) if error.kind == "not an image" else f"{error.kind}: {error}"


def _describe_unrecognised(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in _FOREIGN | _CAMERA_RAW:
        return f"unsupported: {suffix} files cannot be read; convert them to JPEG or PNG"
    return (
        "unreadable: no image in it, or one of a kind that is not read; save it as JPEG or PNG"
        if suffix in USUAL_SUFFIXES
        else "not an image"
    )


def _drop_copies(images: Sequence[InspectedFile]) -> tuple[tuple[InspectedFile, ...], list[Problem]]:
    """Keep the first of identical files, and none if their labels differ."""
    labels: dict[str, set[str]] = {}
    for image in images:
        labels.setdefault(image.sha256, set()).add(image.entry.label)
    kept: dict[str, InspectedFile] = {}
    problems: list[Problem] = []
    for image in images:
        claimed = sorted(labels[image.sha256])
        if len(claimed) > 1:
            problems.append(Problem(image.entry.name, f"two labels: the same file is {', '.join(claimed[:5])}"))
        elif (first := kept.setdefault(image.sha256, image)) is not image:
            problems.append(Problem(image.entry.name, f"duplicate: same bytes as {first.entry.name}"))
    return tuple(kept.values()), problems
