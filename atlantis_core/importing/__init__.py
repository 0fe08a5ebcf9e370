"""Import of other datasets as collections: `atlantis import`."""

IMPORTERS = {
    "cars196": "atlantis_core.importing.cars196:plan_import",
    "cub": "atlantis_core.importing.cub:plan_import",
    "folder": "atlantis_core.importing.folder:plan_import",
    "hf": "atlantis_core.importing.hf:plan_import",
    "inshop": "atlantis_core.importing.inshop:plan_import",
    "sop": "atlantis_core.importing.sop:plan_import",
}
"""Name -> a function that takes a resolved folder and `ImportOptions`, and returns an `ImportPlan`."""
