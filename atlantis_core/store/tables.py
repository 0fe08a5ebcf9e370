"""The tables of `atlantis.db`: records as JSON, beside the columns that queries use."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Integer, MetaData, String, Table, UniqueConstraint

metadata = MetaData()

collections = Table(
    "collections",
    metadata,
    Column("id", String, primary_key=True),
    Column("payload", JSON, nullable=False),
    Column("sealed", JSON, nullable=False),
    Column("fingerprints", JSON, nullable=False),
)


def _split_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("regime", String, primary_key=True),
        Column("image_id", String, primary_key=True),
        Column("split", String, nullable=False),
    )


splits = _split_table("splits")
carved_splits = _split_table("carved_splits")

runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("collection_id", String, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("status", String, nullable=False),
    Column("stop_reason", String, nullable=False, default=""),
    Column("created", Float, nullable=False),
)

results = Table(
    "receipts",  # the name in existing workspaces
    metadata,
    Column("key", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("payload", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
)

candidates = Table(
    "candidates",
    metadata,
    Column("key", String, primary_key=True),
    Column("payload", JSON, nullable=False),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("candidate_key", String, primary_key=True),
    Column("kept", Boolean, nullable=False),
    Column("payload", JSON, nullable=False),
)

overrulings = Table(
    "overrulings",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("candidate_key", String, primary_key=True),
    Column("kept", Boolean, nullable=False),
    Column("decided", Float, nullable=False),
)

trials = Table(
    "trials",
    metadata,
    Column("id", String, primary_key=True),
    Column("payload", JSON, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("classes", String, nullable=False, index=True),
    Column("image_id", String, nullable=False),
    Column("label", String, nullable=False),
    Column("who", String, nullable=False),
    Column("given", String, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("round", Integer, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("payload", JSON, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", String, nullable=False, index=True),
    Column("unit", String, nullable=False),
    Column("amount", Float, nullable=False),
    Column("reference", String, nullable=False),
    UniqueConstraint("run_id", "unit", "reference"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", String, nullable=False, index=True),
    Column("parent", Integer),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("started", Float, nullable=False),
    Column("seconds", Float),
    Column("status", String, nullable=False),
    Column("input", JSON),
    Column("output", JSON),
    Column("tokens", Integer, nullable=False, default=0),
    Column("usd", Float, nullable=False, default=0.0),
)
