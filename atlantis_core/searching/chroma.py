"""The door to Chroma: opening a collection of a folder or a server, and its errors in one line."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from atlantis_core.errors import SetupError

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

    from atlantis_core.records import IndexFacts
    from atlantis_core.searching.graph import Graph

MODEL_KEY = "atlantis_model_hash"
"""Entry of a Chroma collection's metadata."""

_opened = itertools.count()


class Shelf:
    """One Chroma collection, opened anew: it sees what other processes wrote before.

    Args:
        folder: Of the index.
        facts: What is said of it.
        graph: Settings of the graph, should the collection have to be made; None only opens.

    Raises:
        SetupError: Nothing is there, it cannot be read, or another model made it.
    """

    def __init__(self, folder: Path, facts: IndexFacts, graph: Graph | None = None) -> None:
        self.where = facts.server or str(folder)
        with chroma_errors(self.where):
            self._client: ClientAPI = _client(folder, facts.server)
            try:
                self.collection: Any = self._collection(facts, graph)  # Any: its stubs refuse plain lists and dicts
            except BaseException:
                self.close()
                raise

    def _collection(self, facts: IndexFacts, graph: Graph | None) -> Collection:
        from atlantis_core.searching.spaces import chroma_space

        if graph is None:
            found = self._client.get_collection(facts.collection, embedding_function=None)
        else:
            found = self._client.get_or_create_collection(
                facts.collection,
                configuration=graph.configuration(chroma_space(facts.distance)),  # type: ignore[arg-type]
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

    @property
    def batch(self) -> int:
        """Rows that Chroma takes at once."""
        return int(self._client.get_max_batch_size())

    def drop(self) -> None:
        """Delete the collection."""
        with chroma_errors(self.where):
            self._client.delete_collection(self.collection.name)

    def close(self) -> None:
        """Let go of files and connections."""
        self._client.close()  # type: ignore[attr-defined]


@contextmanager
def chroma_errors(where: str) -> Iterator[None]:
    """Turn what Chroma says of its files and servers into one line.

    Args:
        where: Folder or URL, for the message.

    Raises:
        SetupError: Chroma could not do it.
    """
    import httpx
    from chromadb.errors import ChromaError

    try:
        yield
    except (ChromaError, httpx.HTTPError) as error:
        reason = (" ".join(str(error).split()) or type(error).__name__)[:300]
        raise SetupError(f"the index at {where!r} cannot be used: {reason}") from error
    except ValueError as error:  # how its clients tell that nobody answers, and that a tenant is missing
        reason = " ".join(str(error).split())[:300]
        raise SetupError(f"the index at {where!r} cannot be reached: {reason}") from error


def _client(folder: Path, server: str) -> ClientAPI:
    import chromadb
    from chromadb.config import Settings

    if server:
        host, port, secure = address(server)
        return chromadb.HttpClient(host, port, ssl=secure, settings=Settings(anonymized_telemetry=False))
    return chromadb.PersistentClient(_own_path(folder), settings=Settings(anonymized_telemetry=False))


def _own_path(folder: Path) -> str:
    """Spell a folder as nobody in this process did before.

    Chroma shares what it holds in memory among clients of the same spelling, and that is stale as soon as another
    process has written: a path of its own makes a client look at the files.
    """
    return str(folder / "chroma") + "".join("/." if bit == "1" else "//" for bit in f"{next(_opened):b}")


def address(server: str) -> tuple[str, int, bool]:
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


def reconfigure(shelf: Shelf, **settings: Any) -> None:
    """Change settings of the graph; they hold when the collection is opened the next time."""
    with chroma_errors(shelf.where):
        shelf.collection.modify(configuration={"hnsw": settings})


def drop_collection(folder: Path, facts: IndexFacts) -> None:
    """Delete an index's Chroma collection, unless another model made it.

    Raises:
        SetupError: It is another model's, or Chroma could not do it.
    """
    shelf = Shelf(folder, facts)
    try:
        shelf.drop()
    finally:
        shelf.close()
