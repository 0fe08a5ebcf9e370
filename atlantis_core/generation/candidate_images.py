"""Generate the images of a protocol exactly once each, even if the process is killed at any moment.

The image file proves that an image was generated, the record that it was booked. An image with a file is never
generated again; an image with a record is skipped.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from atlantis_core.base.atomic_file import write_atomically
from atlantis_core.base.ports import Generator, Progress, name_generator, no_progress
from atlantis_core.records import Candidate, GenerationRequest, Protocol

SHARD_SIZE = 16
"""Images handed to the generator at once; at most these are lost when the process is killed."""


def generate_candidates(
    requests: Sequence[GenerationRequest],
    generator: Generator,
    objects_folder: Path,
    known: Collection[str],
    record: Callable[[Candidate], None],
    protocol: Protocol,
    progress: Progress = no_progress,
) -> list[Candidate]:
    """Generate the missing images; return the candidates recorded by this call, in the order of the requests.

    Requests with equal keys give one image; `known` keys are recorded already and skipped. `record` persists one
    candidate, after its file `objects_folder/<first two digits of the key>/<key>.png` is written.

    Raises:
        ToolError: The generator cannot serve a request; images before it stay.
    """
    wanted = list({request.key: request for request in requests if request.key not in known}.values())
    recorded: list[Candidate] = []
    for start in range(0, len(wanted), SHARD_SIZE):
        shard = wanted[start : start + SHARD_SIZE]
        for candidate in _generate_shard(shard, generator, objects_folder, protocol):
            record(candidate)
            recorded.append(candidate)
            progress("images generated", len(recorded), len(wanted))
    return recorded


def image_path(objects_folder: Path, key: str) -> Path:
    """Return the path of the image with this key."""
    return objects_folder.absolute() / key[:2] / f"{key}.png"


def _generate_shard(
    shard: Sequence[GenerationRequest], generator: Generator, objects_folder: Path, protocol: Protocol
) -> Iterator[Candidate]:
    """Yield one candidate per request; an image whose file exists is reused, the others are generated."""
    paths = {request.key: image_path(objects_folder, request.key) for request in shard}
    missing = {key for key, path in paths.items() if not path.exists()}
    images = iter(generator.generate([request for request in shard if request.key in missing]))
    for request in shard:
        path, started = paths[request.key], time.perf_counter()
        if request.key in missing:
            image = next(images)
            path.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(path) as part, part.open("wb") as file:
                image.save(file, format="PNG")
                file.flush()
                os.fsync(file.fileno())
        seconds = time.perf_counter() - started if request.key in missing else 0.0
        yield Candidate(
            key=request.key,
            path=str(path),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            cell=request.cell,
            prompt=request.prompt,
            source_id=request.source_id,
            generator=name_generator(generator, request.cell, request.prompt),
            settings=generator.settings(request),
            seed=request.seed,
            protocol_id=protocol.id,
            round=protocol.round,
            seconds=seconds,
        )
