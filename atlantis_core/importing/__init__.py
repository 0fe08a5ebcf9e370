"""Bringing collections of others into ours: `atlantis import`."""

IMPORTERS = {
    "cars196": "atlantis_core.importing.cars196:plan",
    "cub": "atlantis_core.importing.cub:plan",
    "folder": "atlantis_core.importing.folder:plan",
    "hf": "atlantis_core.importing.hf:plan",
    "inshop": "atlantis_core.importing.inshop:plan",
    "sop": "atlantis_core.importing.sop:plan",
}
"""Name -> a function that takes a folder (resolved) and what was `Asked`, and returns a `Plan`."""
