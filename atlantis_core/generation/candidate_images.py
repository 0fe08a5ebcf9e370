"""Making the images of a protocol exactly once each, also when killed at any moment.

The object file is the receipt of the work, the record is the receipt of the bookkeeping. An image whose file is
there is never made again; an image whose record is there is not even looked at.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.ports import Generator, Progress, no_progress
from atlantis_core.records import Candidate, GenerationRequest, Protocol

if TYPE_CHECKING:
    from PIL.Image import Image

SHARD_SIZE = 16
"""Images handed to the generator at once; what a kill can cost at most."""


def generate_candidates(
    requests: Sequence[GenerationRequest],
    generator: Generator,
    objects_folder: Path,
    known: Collection[str],
    record: Callable[[Candidate], None],
    protocol: Protocol,
    progress: Progress = no_progress,
) -> list[Candidate]:
    """Make the images that are missing, and record every one that is not yet recorded.

    Args:
        requests: What to make; a key that occurs twice is made once.
        generator: Makes the images.
        objects_folder: Where the images go: `<first two digits of the key>/<key>.png`.
        known: Keys that are recorded already; they are left alone.
        record: Persists one candidate; called once per candidate, after its file is on the disk.
        protocol: Whose candidates they are.
        progress: Told after every image.

    Returns:
        The candidates recorded by this call, in the order of the requests.

    Raises:
        ToolError: A request that the generator cannot honour; what was made before it stays.
    """
    wanted = list({request.key: request for request in requests if request.key not in known}.values())
    made: list[Candidate] = []
    for start in range(0, len(wanted), SHARD_SIZE):
        shard = wanted[start : start + SHARD_SIZE]
        for candidate in _generate_shard(shard, generator, objects_folder, protocol):
            record(candidate)
            made.append(candidate)
            progress("images made", len(made), len(wanted))
    return made


def image_path(objects_folder: Path, key: str) -> Path:
    """Return where the image of a key lies."""
    return objects_folder.absolute() / key[:2] / f"{key}.png"


def _generate_shard(
    shard: Sequence[GenerationRequest], generator: Generator, objects_folder: Path, protocol: Protocol
) -> Iterator[Candidate]:
    """Yield a candidate per request; images whose files are there already are adopted, the others made."""
    paths = {request.key: image_path(objects_folder, request.key) for request in shard}
    missing = {key for key, path in paths.items() if not path.exists()}
    images = iter(generator.generate([request for request in shard if request.key in missing]))
    for request in shard:
        started = time.perf_counter()
        if request.key in missing:
            _write_png(next(images), paths[request.key])
        seconds = time.perf_counter() - started if request.key in missing else 0.0
        yield _build_candidate(request, paths[request.key], generator, protocol, seconds)


def _write_png(image: Image, path: Path) -> None:
    """Write a PNG so that under its name there is always nothing or all of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as part, part.open("wb") as file:
        image.save(file, format="PNG")
        file.flush()
        os.fsync(file.fileno())


def _build_candidate(
    request: GenerationRequest, path: Path, generator: Generator, protocol: Protocol, seconds: float
) -> Candidate:
    return Candidate(
        key=request.key,
        path=str(path),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        cell=request.cell,
        prompt=request.prompt,
        source_id=request.source_id,
        generator=f"{generator.name}/{generator.version}",
        settings=generator.settings(request),
        seed=request.seed,
        protocol_id=protocol.id,
        round=protocol.round,
        seconds=seconds,
    )
