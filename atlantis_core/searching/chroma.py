"""The door to Chroma: opening a collection of a folder or a server, and its errors in one line."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from atlantis_core.base.errors import SetupError
from atlantis_core.searching.index_folders import CHROMA_NAME

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

    from atlantis_core.records import IndexFacts
    from atlantis_core.searching.hnsw import HnswSettings

MODEL_KEY = "atlantis_model_hash"
"""Entry of a Chroma collection's metadata."""

PAGE = 5000
"""Images that are read or taken out at once; Chroma's own limit is 5,461."""

ChromaAnswer = TypeVar("ChromaAnswer")

_LOCKED = "database is locked"
_RETRY_SECONDS = 10.0
_SERVER_TIMEOUT_SECONDS = 5.0
_POLL_SECONDS = 0.05
_opened_folders = itertools.count()


class ChromaCollection:
    """One Chroma collection, opened anew: it sees what other processes wrote before.

    Args:
        folder: Of the index.
        facts: What is said of it.
        graph: Settings of the graph, should the collection have to be made; None only opens.

    Raises:
        SetupError: Nothing is there, it cannot be read, or another model made it.
    """

    def __init__(self, folder: Path, facts: IndexFacts, graph: HnswSettings | None = None) -> None:
        self.where = facts.server or str(folder)
        self._client: ClientAPI = call_chroma(self.where, lambda: _client(folder, facts.server))
        try:
            self._held: Any = call_chroma(self.where, lambda: self._collection(facts, graph))
        except SetupError:
            self.close()
            raise

    def _collection(self, facts: IndexFacts, graph: HnswSettings | None) -> Collection:
        from atlantis_core.searching.index_distances import to_chroma_space

        if graph is None:
            found = self._client.get_collection(facts.collection, embedding_function=None)
        else:
            found = self._client.get_or_create_collection(
                facts.collection,
                configuration=graph.configuration(to_chroma_space(facts.distance)),  # type: ignore[arg-type]
                metadata={MODEL_KEY: facts.model_hash},
                embedding_function=None,
            )
        made_by = (found.metadata or {}).get(MODEL_KEY)
        if made_by != facts.model_hash:
            raise SetupError(
                f"the Chroma collection {facts.collection!r} at {self.where!r} was made by another model; "
                "take another --name"
            )
        return found

    def do(self, what: str, **given: Any) -> Any:
        """Call a method of Chroma's collection: `get`, `query`, `add`, `update`, `delete`, `count`, `modify`.

        Raises:
            SetupError: Chroma could not do it.
        """
        return call_chroma(self.where, lambda: getattr(self._held, what)(**given))

    def ids(self, where: Any = None) -> list[str]:
        """Return the ids of the images that meet a filter of Chroma's.

        Raises:
            SetupError: The index cannot be read.
        """
        found: list[str] = self.do("get", where=where, include=[])["ids"]
        return found

    def delete(self, ids: Sequence[str]) -> None:
        """Take images out.

        Raises:
            SetupError: The index cannot be written.
        """
        for start in range(0, len(ids), PAGE):
            self.do("delete", ids=list(ids[start : start + PAGE]))

    def pages(self, ids: Sequence[str], include: str) -> Iterator[tuple[list[str], Any]]:
        """Yield ids and what Chroma keeps of them, `metadatas` or `embeddings`, page by page.

        Raises:
            SetupError: The index cannot be read.
        """
        for start in range(0, len(ids), PAGE):
            answer = self.do("get", ids=list(ids[start : start + PAGE]), include=[include])
            yield answer["ids"], answer[include]

    def drop(self) -> None:
        """Delete the collection.

        Raises:
            SetupError: Chroma could not do it.
        """
        call_chroma(self.where, lambda: self._client.delete_collection(self._held.name))

    def close(self) -> None:
        """Let go of files and connections."""
        self._client.close()  # type: ignore[attr-defined]


def call_chroma(where: str, ask: Callable[[], ChromaAnswer]) -> ChromaAnswer:
    """Ask Chroma; its errors come in one line.

    A client that was just closed may still be tidying up behind: where the database is locked, ask again.

    Args:
        where: Folder or URL, for the message.
        ask: What to do.

    Raises:
        SetupError: Chroma could not do it.
    """
    import httpx
    from chromadb.errors import ChromaError

    until = time.monotonic() + _RETRY_SECONDS
    try:
        while True:
            try:
                return ask()
            except ChromaError as error:
                if _LOCKED not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(_POLL_SECONDS)
    except (httpx.TransportError, ValueError) as error:  # ValueError: how its clients tell that a tenant is missing
        raise SetupError(f"the index at {where!r} cannot be reached: {_error_reason(error)}") from error
    except (ChromaError, httpx.HTTPError) as error:
        raise SetupError(f"the index at {where!r} cannot be used: {_error_reason(error)}") from error


def _error_reason(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:300]


def ping_server(server: str) -> None:
    """Ask a server for a sign of life: Chroma's own client would wait for one without end.

    Raises:
        SetupError: It is no URL of a server, or none answers there within seconds.
    """
    import httpx

    host, port, secure = parse_server_url(server)
    place = f"[{host}]" if ":" in host else host
    url = f"http{'s' if secure else ''}://{place}:{port}/api/v2/heartbeat"
    call_chroma(server, lambda: httpx.get(url, timeout=_SERVER_TIMEOUT_SECONDS).raise_for_status())


def _client(folder: Path, server: str) -> ClientAPI:
    import chromadb
    from chromadb.config import Settings

    if server:
        ping_server(server)
        host, port, secure = parse_server_url(server)
        # A connection a request: a client that is closed leaves those that it kept open behind.
        settings = Settings(anonymized_telemetry=False, chroma_http_max_keepalive_connections=0)
        return chromadb.HttpClient(host, port, ssl=secure, settings=settings)
    return chromadb.PersistentClient(_unused_path_spelling(folder), settings=Settings(anonymized_telemetry=False))


def _unused_path_spelling(folder: Path) -> str:
    """Spell a folder as nobody in this process did before.

    Chroma shares what it holds in memory among clients of the same spelling, and that is stale as soon as another
    process has written: a path of its own makes a client look at the files.
    """
    return str(folder / CHROMA_NAME) + "".join("/." if bit == "1" else "//" for bit in f"{next(_opened_folders):b}")


def parse_server_url(server: str) -> tuple[str, int, bool]:
    """Return host, port and whether it is HTTPS.

    Raises:
        SetupError: It is no URL of a server.
    """
    try:
        parts = urlsplit(server)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme not in {"http", "https"} or parts.path not in {"", "/"}:
        raise SetupError(f"--server {server!r} is no URL of a Chroma server; write it like http://127.0.0.1:8000")
    secure = parts.scheme == "https"
    return host, port or (443 if secure else 8000), secure


def reconfigure(shelf: ChromaCollection, **settings: Any) -> None:
    """Change settings of the graph; they hold when the collection is opened the next time."""
    shelf.do("modify", configuration={"hnsw": settings})


def drop_collection(folder: Path, facts: IndexFacts) -> None:
    """Delete an index's Chroma collection, unless another model made it.

    Raises:
        SetupError: It is another model's, or Chroma could not do it.
    """
    shelf = ChromaCollection(folder, facts)
    try:
        shelf.drop()
    finally:
        shelf.close()
