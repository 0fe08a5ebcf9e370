"""Content hashes: equal inputs, settings and seed give equal hashes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from atlantis_core.base.serialization import as_json


def content_hash(kind: str, payload: Any) -> str:
    """Return 32 hex digits of the SHA-256 of a job's kind and inputs as canonical JSON.

    Jobs of different kinds never share a hash.

    Raises:
        ValueError: The payload contains NaN or infinity.
    """
    text = json.dumps([kind, as_json(payload)], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
