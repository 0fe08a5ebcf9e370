"""The scenarios of the ATLANTIS paper (BMVC 2024), for any collection: `atlantis scenario`."""

SCENARIOS = {
    "cold-start": "atlantis_core.scenarios.cold_start:ColdStart",
    "domain-scarce": "atlantis_core.scenarios.cuts:DomainScarce",
    "few-shot": "atlantis_core.scenarios.cuts:FewShot",
    "full-shot": "atlantis_core.scenarios.splits:FullShot",
    "imbalanced": "atlantis_core.scenarios.cuts:Imbalanced",
    "zero-shot": "atlantis_core.scenarios.splits:ZeroShot",
}
"""Name -> a frozen dataclass: its fields are the options, `apply` selects or splits the images."""
