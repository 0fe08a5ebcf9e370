"""Which files a folder lists as a collection: by its metadata, its split folders' metadata, or class folders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from atlantis_core.base.errors import SetupError
from atlantis_core.base.text import to_printable
from atlantis_core.data.entries import Listing
from atlantis_core.data.folder_tree import FolderTree, walk_folder
from atlantis_core.data.folders import has_class_folders, read_folders, split_folders
from atlantis_core.data.metadata import read_metadata
from atlantis_core.data.metadata_files import find_metadata


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Metadata columns by meaning, where their names do not say it."""

    label: str | None = None
    """Column with the class name; None takes `label`, `class` or `class_name`."""
    split: str | None = None
    """Column with the split; None takes `split`."""
    facets: tuple[str, ...] | None = None
    """Columns to use as facets; None takes all that qualify."""
    kept: tuple[str, ...] = ()
    """Columns that are not facets but whose values images keep, because a query names them."""

    def keeping(self, columns: Iterable[str]) -> ReadOptions:
        """Return the same options with further columns in `kept`."""
        return replace(self, kept=tuple(dict.fromkeys((*self.kept, *columns))))


def resolve_folder(folder: Path) -> Path:
    """Return a collection's folder, resolved; a `SetupError` if it does not exist or is a file."""
    if not folder.exists():
        raise SetupError(f"there is no folder {to_printable(str(folder))!r}; check the path")
    if not folder.is_dir():
        raise SetupError(f"{to_printable(str(folder))!r} is a file, not a folder of images; name its folder")
    return folder.resolve()


def list_files(root: Path, options: ReadOptions) -> Listing:
    """List the files of a resolved folder: from its metadata file, or its split folders' ones, or class folders.

    Files that none of these list are problems of the listing.

    Raises:
        SetupError: The folder has none of these, or a column that is required or named is missing.
    """
    tree = walk_folder(root)
    _refuse_hub_cache(tree)
    if file := find_metadata(root):
        return read_metadata(tree, {file: None}, options.label, options.split)
    splits = split_folders(tree)
    files = {folder: file for folder in splits if (file := find_metadata(root / folder))}
    if files and len(files) == len(splits):
        by_file = {file: splits[folder] for folder, file in files.items()}
        return read_metadata(tree, by_file, options.label, options.split)
    if files and not all(has_class_folders(tree, folder) for folder in splits):
        lacking = next(folder for folder in splits if folder not in files)
        raise SetupError(
            f"the split folder {lacking!r} has no metadata file, but {next(iter(files))!r} has one; write one "
            f"with file_name,label, or move {lacking!r} out of {to_printable(str(root))!r}"
        )
    columns = {"--label": options.label, "--split-column": options.split, "--facets": options.facets}
    for option, value in columns.items():
        if value is not None:
            raise SetupError(f"{option} names a column, but {to_printable(str(root))!r} has no metadata file")
    return read_folders(tree)


def _refuse_hub_cache(tree: FolderTree) -> None:
    """Refuse a repository in the cache of the Hugging Face hub, whose folders would be read as classes."""
    if tree.root.name.startswith("datasets--") and {"blobs", "snapshots"} <= set(tree.subfolders[""]):
        snapshot = next(iter(tree.subfolders["snapshots"]), "snapshots/REVISION")
        raise SetupError(
            f"{to_printable(str(tree.root))!r} is a cache of the Hugging Face hub; name the folder "
            f"{to_printable(snapshot)!r} in it"
        )
