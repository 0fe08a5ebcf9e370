"""Inspecting every file once: is it an image, complete, of a usable size, and not a copy?"""

from __future__ import annotations

import hashlib
import io
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from atlantis_core.base.plural import count_noun
from atlantis_core.base.ports import Progress, no_progress
from atlantis_core.data.entries import LISTED_TWICE, OTHER_FILE, Entry, drop_repeated, problem_kind
from atlantis_core.data.image_io import (
    DECODE_ERRORS,
    MOST_PIXELS,
    is_huge,
    open_undecoded,
    pillow_warning_filter,
    readable_formats,
)
from atlantis_core.data.near_duplicates import fingerprint_image
from atlantis_core.records import Problem

if TYPE_CHECKING:
    from PIL.Image import Image

Content = TypeVar("Content")

MAX_BYTES = 256 * 1024 * 1024
"""Larger files are not read."""
MIN_SIDE_PX = 8
"""Smaller images have nothing to learn from."""

USUAL_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".avif"}
)
"""Usual suffixes of files that can be read as images, in lower case."""

_FOREIGN = frozenset(
    {".heic", ".heif", ".svg", ".psd", ".jxl", ".jp2", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".ico"}
    | {".eps", ".pdf", ".mp4", ".mov"}
)

LEFT_OUT_HINT = "(atlantis diagnose DATA --json lists them)"
"""Where every problem is named."""

_EMPTY = "empty: no bytes in it"
_PLURALS = {
    "duplicate": "duplicates",
    "not an image": "not images",
    "bad metadata line": "bad metadata lines",
    "hidden folder": "in hidden folders",
    "hidden file": "hidden files",
    "loose file": "loose files",
    "empty class": "empty classes",
    "link to a folder": "links to folders",
}


@dataclass(frozen=True, slots=True)
class InspectedFile:
    """A file that decoded as a complete image."""

    entry: Entry
    sha256: str
    """Of the file's bytes, 64 hex digits."""
    fingerprint: bytes
    """See `near_duplicates.fingerprint_image`."""

    @property
    def id(self) -> str:
        """The image id: the first 16 hex digits of the hash."""
        return self.sha256[:16]


def inspect_files(
    entries: Sequence[Entry], progress: Progress = no_progress
) -> tuple[tuple[InspectedFile, ...], tuple[Problem, ...]]:
    """Decode every file once; return the usable images and the problems, both sorted by file name."""
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
    with pillow_warning_filter(), ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
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
        if (size := entry.path.stat().st_size) > MAX_BYTES:
            return Problem(entry.name, f"huge: {size:,} bytes (limit {MAX_BYTES:,})")
        content = entry.path.read_bytes()
    except OSError as error:
        return Problem(entry.name, f"unreadable: {error.strerror}")
    if not content:
        return Problem(entry.name, _EMPTY)
    decoded = _try_image(io.BytesIO(content), entry.path, fingerprint_image)  # only a full decode finds truncation
    if isinstance(decoded, str):
        return Problem(entry.name, decoded)
    return InspectedFile(entry, hashlib.sha256(content).hexdigest(), decoded)


def check_header(source: Path | bytes, name: str) -> str:
    """Return what the header of an image (file or content) shows to be wrong; empty if nothing is.

    No pixel is decoded. The suffix of `name` says which format it claims to be.
    """
    if not (source if isinstance(source, bytes) else source.stat().st_size):
        return _EMPTY
    with pillow_warning_filter():
        return _try_image(io.BytesIO(source) if isinstance(source, bytes) else source, Path(name), lambda _: "")


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


def _try_image(source: IO[bytes] | Path, path: Path, read: Callable[[Image], Content]) -> Content | str:
    from PIL import Image, UnidentifiedImageError

    try:
        with open_undecoded(source) as image:
            return _check_size(image) or read(image)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        return f"huge: {error}"
    except UnidentifiedImageError:
        return _describe_unrecognised(path)
    except DECODE_ERRORS as error:
        cut = "truncated" in str(error).lower() or isinstance(error, EOFError)
        return f"truncated: {error}" if cut else f"unreadable: {str(error) or type(error).__name__}"


def _check_size(image: Image) -> str:
    width, height = image.size
    if is_huge(image):
        return f"huge: {width} x {height} pixels (limit {MOST_PIXELS:,})"
    if min(width, height) < MIN_SIDE_PX:
        return f"too small: {width} x {height} pixels (at least {MIN_SIDE_PX} a side)"
    return ""


def _describe_unrecognised(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in _FOREIGN:
        return f"unsupported: {suffix} files cannot be read; convert them to JPEG or PNG"
    return "unreadable: no image data in it" if suffix in USUAL_SUFFIXES else "not an image"


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
