"""An index on a Chroma server, which several workspaces may share."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from atlantis_core.base.errors import SetupError
from atlantis_core.searching.chroma import parse_server_url, ping_server
from atlantis_core.searching.index import SearchIndex
from atlantis_core.searching.index_building import IndexSource, fill_index, prepare_index
from atlantis_core.searching.index_folders import read_facts
from atlantis_core.searching.index_writing import drop_index, remove_images
from tests.atlantis_core.searching.rows import IMAGES, Numbers, collection

_PATIENCE_SECONDS = 60


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chroma = str(Path(sys.executable).with_name("chroma"))
    words = [chroma, "run", "--path", str(tmp_path / "server"), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + _PATIENCE_SECONDS
    while not _answers(port) and time.monotonic() < until:
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


def filled(place: Path, server: str, numbers: range, model: Numbers) -> Path:
    folder = place / "index" / "photos"
    prepare_index(folder, "numbers", model, server)
    fill_index(folder, model, IndexSource(collection(place / "photos", numbers)))
    return folder


def test_workspaces_share_a_server_and_nothing_else(server: str, tmp_path: Path) -> None:
    """Same name, same model, same place within the workspace: still two indexes."""
    model = Numbers()
    mine = filled(tmp_path / "mine", server, range(IMAGES), model)
    yours = filled(tmp_path / "yours", server, range(IMAGES, IMAGES + 5), model)
    filled(tmp_path / "theirs", server, range(3), Numbers(1))
    assert (read_facts(mine).images, read_facts(yours).images) == (IMAGES, 5)
    index = SearchIndex(mine)
    assert index.query(model.rows[7], 1, {"light": "night"})[0][0].path == str(tmp_path / "mine" / "photos" / "7")
    near, sure = index.query(model.rows[7], 9)[0], index.query(model.rows[7], 9, exact=True)[0]
    assert [hit.id for hit in near] == [hit.id for hit in sure]
    assert remove_images(mine, ["id7"])[0] == 1
    assert index.query(model.rows[7], 1)[0][0].id != "id7"
    drop_index(mine)
    assert SearchIndex(yours).query(model.rows[IMAGES], 1)[0][0].id == f"id{IMAGES}"
    assert not (yours / "chroma").exists()
    with pytest.raises(SetupError, match="is kept at"):
        prepare_index(yours, "numbers", model)


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be reached") as caught:
        filled(tmp_path, "http://127.0.0.1:9", range(3), Numbers())
    assert "\n" not in str(caught.value)


def test_a_server_that_hangs_is_given_up_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        started = time.monotonic()
        with pytest.raises(SetupError, match="cannot be reached: timed out"):
            ping_server(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("text", ["127.0.0.1:8000", "ftp://host", "http://host/path", "http://host:x", "http://"])
def test_an_invalid_server_url_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="not the URL of a Chroma server"):
        parse_server_url(text)
