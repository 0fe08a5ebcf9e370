"""Access to Chroma: open a collection in a folder or on a server, and turn its errors into one line."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from atlantis_core.base.errors import SetupError
from atlantis_core.searching.index_folders import CHROMA_NAME

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

    from atlantis_core.records import IndexFacts

MODEL_KEY = "atlantis_model_hash"
"""Entry of a Chroma collection's metadata."""

PAGE = 5000
"""Images read or deleted per call; Chroma's own limit is 5,461."""

ChromaAnswer = TypeVar("ChromaAnswer")

_LOCKED = "database is locked"
_RETRY_SECONDS = 10.0
_SERVER_TIMEOUT_SECONDS = 5.0
_POLL_SECONDS = 0.05
_opened_folders = itertools.count()


@dataclass(frozen=True, slots=True)
class HnswSettings:
    """How the HNSW graph (Malkov and Yashunin, TPAMI 2020) is built and searched; measured in docs/search.md.

    Chroma's defaults find half of the true neighbours of random vectors.
    """

    max_neighbors: int = 48
    """Edges per node (M); twice as many on the ground layer."""
    ef_construction: int = 200
    """Candidates examined for the edges of a new node; more take longer to build."""
    ef_search: int = 800
    """Candidates examined per query; more take longer. Can be changed later."""
    fill_batch: int = 20_000
    """Vectors between two saves while the graph is filled; an interruption loses at most this many."""


class ChromaCollection:
    """A Chroma collection, opened anew so that it sees what other processes wrote.

    Every method raises a `SetupError` if Chroma fails.

    `graph` is what a missing collection is created with; without it, an existing one is opened.

    Raises:
        SetupError: The collection does not exist, cannot be read, or belongs to another model.
    """

    def __init__(self, folder: Path, facts: IndexFacts, graph: HnswSettings | None = None) -> None:
        self.where = facts.server or str(folder)
        self._client: ClientAPI = call_chroma(self.where, lambda: _open_client(folder, facts.server))
        try:
            self._collection: Any = call_chroma(self.where, lambda: self._open(facts, graph))
        except SetupError:
            self.close()
            raise

    def _open(self, facts: IndexFacts, graph: HnswSettings | None) -> Collection:
        if graph is None:
            found = self._client.get_collection(facts.collection, embedding_function=None)
        else:
            found = self._client.get_or_create_collection(
                facts.collection,
                configuration={
                    "hnsw": {
                        # Hyperbolic distances: Euclidean candidates, then re-ranked.
                        "space": "cosine" if facts.distance == "cosine" else "l2",
                        "max_neighbors": graph.max_neighbors,
                        "ef_construction": graph.ef_construction,
                        "ef_search": graph.ef_search,
                        "sync_threshold": graph.fill_batch,
                    }
                },
                metadata={MODEL_KEY: facts.model_hash},
                embedding_function=None,
            )
        if (found.metadata or {}).get(MODEL_KEY) != facts.model_hash:
            raise SetupError(
                f"the Chroma collection {facts.collection!r} at {self.where!r} was created by another model; "
                "choose another --name"
            )
        return found

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of Chroma's collection: `get`, `query`, `add`, `update`, `delete`, `count`, `modify`."""
        return call_chroma(self.where, lambda: getattr(self._collection, method)(**arguments))

    def ids(self, where: Any = None) -> list[str]:
        """Return the ids of the images that match a Chroma filter."""
        found: list[str] = self.call("get", where=where, include=[])["ids"]
        return found

    def metadata(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return id -> metadata of those images that are there."""
        answer = self.call("get", ids=list(ids), include=["metadatas"]) if ids else {"ids": [], "metadatas": []}
        return dict(zip(answer["ids"], answer["metadatas"] or [], strict=True))

    def delete(self, ids: Sequence[str]) -> None:
        """Delete images."""
        for start in range(0, len(ids), PAGE):
            self.call("delete", ids=list(ids[start : start + PAGE]))

    def pages(self, ids: Sequence[str], include: str) -> Iterator[tuple[list[str], Any]]:
        """Yield ids and their `metadatas` or `embeddings`, page by page."""
        for start in range(0, len(ids), PAGE):
            answer = self.call("get", ids=list(ids[start : start + PAGE]), include=[include])
            yield answer["ids"], answer[include]

    def save_every(self, vectors: int) -> None:
        """Set after how many new vectors the graph is saved; takes effect when the collection is next opened."""
        self.call("modify", configuration={"hnsw": {"sync_threshold": vectors}})

    def drop(self) -> None:
        """Delete the collection."""
        call_chroma(self.where, lambda: self._client.delete_collection(self._collection.name))

    def close(self) -> None:
        """Close files and connections."""
        self._client.close()  # type: ignore[attr-defined]


def call_chroma(where: str, call: Callable[[], ChromaAnswer]) -> ChromaAnswer:
    """Run a call to Chroma and report its errors in one line.

    A locked database is tried again for some seconds: a client that was just closed may still be cleaning up.

    Raises:
        SetupError: Chroma could not do it.
    """
    import httpx
    from chromadb.errors import ChromaError

    until = time.monotonic() + _RETRY_SECONDS
    try:
        while True:
            try:
                return call()
            except ChromaError as error:
                if _LOCKED not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(_POLL_SECONDS)
    except (httpx.TransportError, ValueError) as error:  # ValueError: how Chroma reports a missing tenant
        raise SetupError(f"the index at {where!r} cannot be reached: {_error_reason(error)}") from error
    except (ChromaError, httpx.HTTPError) as error:
        raise SetupError(f"the index at {where!r} cannot be used: {_error_reason(error)}") from error


def _error_reason(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:300]


def _open_client(folder: Path, server: str) -> ClientAPI:
    import chromadb
    from chromadb.config import Settings

    if server:
        ping_server(server)
        host, port, secure = parse_server_url(server)
        # One connection per request: closing a client leaves its kept-alive connections open.
        settings = Settings(anonymized_telemetry=False, chroma_http_max_keepalive_connections=0)
        return chromadb.HttpClient(host, port, ssl=secure, settings=settings)
    # Clients that spell the path alike share memory, which is stale once another process has written.
    # A spelling that this process has not used yet makes the client read the files.
    spelling = "".join("/." if bit == "1" else "//" for bit in f"{next(_opened_folders):b}")
    path = str(folder / CHROMA_NAME) + spelling
    return chromadb.PersistentClient(path, settings=Settings(anonymized_telemetry=False))


def ping_server(server: str) -> None:
    """Check that a server answers within seconds; Chroma's own client would wait without end."""
    import httpx

    host, port, secure = parse_server_url(server)
    netloc = f"[{host}]" if ":" in host else host
    url = f"http{'s' if secure else ''}://{netloc}:{port}/api/v2/heartbeat"
    call_chroma(server, lambda: httpx.get(url, timeout=_SERVER_TIMEOUT_SECONDS).raise_for_status())


def parse_server_url(server: str) -> tuple[str, int, bool]:
    """Return host, port and whether it is HTTPS; a `SetupError` if it is not the URL of a server."""
    try:
        parts = urlsplit(server)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme not in {"http", "https"} or parts.path not in {"", "/"}:
        raise SetupError(
            f"--server {server!r} is not the URL of a Chroma server; write it like http://127.0.0.1:8000"
        )
    secure = parts.scheme == "https"
    return host, port or (443 if secure else 8000), secure
