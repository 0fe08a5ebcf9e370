"""Generating images exactly once, even when killed."""

import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from atlantis_core.base.errors import ToolError
from atlantis_core.base.serialization import as_json
from atlantis_core.generation.candidate_images import SHARD_SIZE, generate_candidates, image_path
from atlantis_core.generation.photometric import PhotometricGenerator
from atlantis_core.records import Protocol

PROTOCOL = Protocol("p1", 2, "edit", (), "", "", "margin", 1.0, 0.0)


class Counting(PhotometricGenerator):
    """The real generator, with a list of what it generated."""

    def __init__(self):
        self.generated = []

    def generate(self, requests):
        for request in requests:
            self.generated.append(request.key)
            yield from super().generate([request])


@pytest.fixture
def requests(ask):
    return [ask("dark", seed, side_px=24) for seed in range(SHARD_SIZE + 4)]


def make(requests, folder, known=(), generator=None, record=None):
    return generate_candidates(requests, generator or Counting(), folder, known, record or (lambda _: None), PROTOCOL)


def test_every_candidate_has_its_provenance(requests, tmp_path):
    recorded, steps = [], []
    made = generate_candidates(
        requests,
        Counting(),
        tmp_path,
        (),
        recorded.append,
        PROTOCOL,
        lambda what, done, total: steps.append((done, total)),
    )
    assert made == recorded
    assert [candidate.key for candidate in made] == [request.key for request in requests]
    assert steps == [(done, len(requests)) for done in range(1, len(requests) + 1)]
    first = made[0]
    assert first.path == str(tmp_path / first.key[:2] / f"{first.key}.png")
    assert first.sha256 == hashlib.sha256(Path(first.path).read_bytes()).hexdigest()
    assert (first.generator, first.protocol_id, first.round) == ("photometric/2", "p1", 2)
    assert first.settings["edits"]
    assert first.seconds > 0
    with Image.open(first.path) as image:
        assert min(image.size) == 24


def test_nothing_is_made_or_recorded_twice(requests, tmp_path):
    first = make(requests + requests, tmp_path)
    assert len(first) == len(requests)
    again = Counting()
    assert make(requests, tmp_path, known={candidate.key for candidate in first}, generator=again) == []
    assert again.generated == []


def test_a_file_without_a_record_is_adopted_not_made_again(requests, tmp_path):
    first = make(requests, tmp_path)
    image_path(tmp_path, requests[3].key).unlink()
    generator = Counting()
    second = make(requests, tmp_path, generator=generator)
    assert generator.generated == [requests[3].key]
    assert [candidate.sha256 for candidate in second] == [candidate.sha256 for candidate in first]


def test_half_a_file_never_has_a_name(requests, tmp_path):
    """What a killed writer leaves behind is not taken for an image."""
    path = image_path(tmp_path, requests[0].key)
    path.parent.mkdir(parents=True)
    path.with_name(f".{path.stem}.1.part").write_bytes(b"half")
    generator = Counting()
    make(requests[:1], tmp_path, generator=generator)
    assert generator.generated == [requests[0].key]


def test_what_was_made_before_an_error_stays(requests, tmp_path, ask, source):
    broken = dataclasses.replace(requests[2], source_path="", key="f" * 64)
    recorded = []
    with pytest.raises(ToolError):
        make([*requests[:2], broken], tmp_path, record=recorded.append)
    assert [candidate.key for candidate in recorded] == [request.key for request in requests[:2]]


KILLED = """
import json, os, sys
from pathlib import Path
from PIL import Image
from atlantis_core.generation.candidate_images import generate_candidates
from atlantis_core.records import Cell, GenerationRequest, Protocol

folder, kill_at = Path(sys.argv[1]), int(sys.argv[2])
asked = [GenerationRequest(r.pop("key"), Cell(**r.pop("cell")), **r) for r in json.loads(sys.argv[3])]
ledger = folder / "ledger.txt"
known = ledger.read_text().split() if ledger.exists() else []

def note(name, key):
    with (folder / name).open("a") as file:
        file.write(key + chr(10))

class Plain:
    name, version = "plain", "1"
    def settings(self, request):
        return {}
    def generate(self, requests):
        for request in requests:
            note("made.txt", request.key)
            yield Image.new("RGB", (8, 8), (request.seed, 0, 0))

def record(candidate):
    if len(known) == kill_at:
        os.kill(os.getpid(), 9)
    known.append(candidate.key)
    note("ledger.txt", candidate.key)

protocol = Protocol("p", 1, "edit", (), "", "", "", 1, 0)
generate_candidates(asked, Plain(), folder / "objects", tuple(known), record, protocol)
"""


def test_killed_between_file_and_record_each_image_is_made_exactly_once(requests, tmp_path):
    asked = json.dumps(as_json(requests[:6]))
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}

    def run(kill_at):
        command = [sys.executable, "-c", KILLED, str(tmp_path), str(kill_at), asked]
        return subprocess.run(command, env=environment, check=False).returncode

    assert run(3) == -signal.SIGKILL
    assert len((tmp_path / "ledger.txt").read_text().split()) == 3
    assert run(99) == 0
    keys = sorted(request.key for request in requests[:6])
    assert sorted((tmp_path / "ledger.txt").read_text().split()) == keys
    assert sorted((tmp_path / "made.txt").read_text().split()) == keys
    for request in requests[:6]:
        with Image.open(image_path(tmp_path / "objects", request.key)) as image:
            assert image.getpixel((0, 0)) == (request.seed, 0, 0)
