"""Prices of chat models: from `--price`, else from the table `prices.toml` in the workspace."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from atlantis_core.base.errors import SetupError
from atlantis_core.records import Price

TABLE = "prices.toml"


def find_prices(names: Iterable[str | None], given: Price | None, folder: Path) -> dict[str, Price]:
    """Return the known prices of the chat models among `names`: the given one, else those in `prices.toml`.

    This file of the workspace has a table for each model, in dollars per million tokens: `["openai:MODEL"]`,
    `input = 0.25`, `output = 2.0` and perhaps `cached_input = 0.025`.

    Raises:
        SetupError: The table cannot be read.
    """
    from atlantis_dml.agents.client.models import is_chat_model

    models = [name for name in names if name and is_chat_model(name)]
    if given is not None:
        return dict.fromkeys(models, given)
    if not models:
        return {}
    path = folder / TABLE
    try:
        facts: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        prices = TypeAdapter(dict[str, Price]).validate_python(facts)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # tomllib's, Unicode's and pydantic's errors are ValueErrors
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise SetupError(f"{str(path)!r} is not a table of prices: {reason}") from error
    for name, price in prices.items():
        if not all(0 <= one < math.inf for one in (price.input, price.output, price.cached_input or 0.0)):
            raise SetupError(f"{str(path)!r} gives {name!r} a price that is not a number of at least 0")
    return {name: prices[name] for name in models if name in prices}
