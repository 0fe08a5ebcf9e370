"""Find the attribute values that a caption names, such as `weather=fog`; facets are built from them."""

from __future__ import annotations

import re
from collections.abc import Mapping

_WORDS_FOR: Mapping[str, Mapping[str, str]] = {
    "time": {
        "night": r"night|nighttime|midnight|after dark",
        "sunset": r"sunset|sunrise|dusk|dawn|twilight",
        "day": r"day|daylight|daytime|noon|sunny",
    },
    "weather": {
        "fog": r"fog|foggy|mist|misty|haze|hazy",
        "snow": r"snow|snowy|snowing|snowfall|blizzard",
        "storm": r"storm|stormy|thunderstorm",
        "rain": r"rain|rainy|raining|drizzle",
    },
    "place": {"indoors": r"indoors|inside|room|shop|store|shelf", "outdoors": r"outdoors|outside|street|field|beach"},
    "view": {
        "close up": r"close[- ]up|closeup|macro",
        "from above": r"from above|aerial|top[- ]down|overhead",
        "from behind": r"from behind|rear view|back view",
    },
}
_PATTERNS = {
    facet: {value: re.compile(rf"\b(?:{words})\b", re.IGNORECASE) for value, words in values.items()}
    for facet, values in _WORDS_FOR.items()
}


def find_conditions(text: str) -> dict[str, str]:
    """Return facet -> value for every facet that a caption names; the value listed first above wins.

    A facet that the caption does not mention is left out: its value is unknown.
    """
    found = {
        facet: next((value for value, pattern in values.items() if pattern.search(text)), None)
        for facet, values in _PATTERNS.items()
    }
    return {facet: value for facet, value in found.items() if value is not None}
