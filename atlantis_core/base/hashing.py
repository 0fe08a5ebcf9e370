"""Content addresses: same inputs, same configuration, same seed -> same key."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from atlantis_core.base.serialization import as_json


def content_hash(kind: str, payload: Any) -> str:
    """Return the 32-hex-digit address of a job: SHA-256 over its kind and its inputs as canonical JSON.

    Args:
        kind: What sort of job it is; two kinds never share a key.
        payload: Records, mappings and plain values.

    Raises:
        ValueError: The payload holds NaN or infinity.
    """
    text = json.dumps([kind, as_json(payload)], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
