"""`atlantis index` and `atlantis search` as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from atlantis_dml.api.argument_types import Where, as_folder, checked

if TYPE_CHECKING:
    from atlantis_core.searching.image_search import ImageSearch


@checked
def index(
    model: Where,
    data: Where,
    *,
    name: str | None = None,
    splits: Sequence[str] = ("train", "validation"),
    add: bool = False,
    server: str = "",
    serving: str | None = None,
    pool: Where | None = None,
    workspace: Where | None = None,
) -> dict[str, Any]:
    """Make a collection searchable by a model; images that are in the index already are skipped.

    Args:
        model: See `load_retriever`, or `clip:NAME`, which also searches by words.
        data: A folder or the name of a bundled collection.
        name: Of the index; None takes the collection's name and the model's content hash.
        splits: Which images; the test split is sealed and cannot be indexed.
        add: Add to an index that contains another collection.
        server: URL of a Chroma server; empty stores the index in the workspace.
        serving: How it is searched, as for `evaluate`; None leaves an index as it is, and gives a new one the serving
            of an exported model; an empty text is the nearest image.
        pool: Folder of unlabelled photos that the serving is fitted on; None takes the training images.
        workspace: None takes `ATLANTIS_WORKSPACE`.

    Returns:
        What `atlantis index --json` prints: `index`, `images`, `added`, `recall_at_10`, `columns` and more.

    Raises:
        SetupError: A setting, the model or the data has to be fixed.
    """
    from atlantis_dml.app.index import IndexRequest, build_index
    from atlantis_dml.app.request import TaskOptions

    unlabelled = None if pool is None else str(pool)
    request = IndexRequest(
        str(model), str(data), TaskOptions(), name, tuple(splits), server, serving=serving, pool=unlabelled, add=add
    )
    return build_index(request, as_folder(workspace))


@checked
def open_index(name: Where, workspace: Where | None = None) -> ImageSearch:
    """Open an index: `open_index("photos").search("query.jpg", top=5, where={"lighting": "night"})`.

    Args:
        name: Of an index, or its folder.
        workspace: Where a name is looked up; None takes `ATLANTIS_WORKSPACE`.

    Returns:
        An `ImageSearch` with `search`, `search_text` and `search_vector`; each returns hits, nearest first.

    Raises:
        SetupError: There is no such index.
    """
    from atlantis_dml.app.search import open_search

    return open_search(str(name), as_folder(workspace))
