"""Target figures of a metric in a person's sentences: `R@1 of 0.8`, "above 90 %"."""

from __future__ import annotations

import re

from atlantis_core.base.amounts import without_limits

_SHARE_FIGURE = r"(\d?\.\d+|\d{1,3}(?:\.\d+)?\s*(?:%|percent\b))(?!\s*(?:of\b|more\b|better\b|[-\u2013]\s*\d))"
_TARGET = re.compile(
    rf"(?:r(?:ecall)?\s*@?\s*1(?!\d)|\b(?:recall|target|aim)(?!\s*@))\D{{0,20}}?{_SHARE_FIGURE}"
    rf"|(?:\b(?:above|over|beyond|at\s+least|reach(?:es)?|up\s+to|to)|>=?|\u2265)\s*{_SHARE_FIGURE}",
    re.IGNORECASE,
)
"""A target with its metric, or a bound alone: "above 0.9", "to 70 %"."""
_OTHER_METRIC = re.compile(
    r"\b(?:(?:r|p|recall|precision|hits?|map|ndcg)\s*@\s*(?!1\b)(?:\d+|r\b|k\b)|(?:top|rank)[- ]?(?!1\b)\d+|"
    r"(?-i:mAP|MAP|nDCG|NDCG)\b|(?:average\s+)?precision\b|accuracy\b|f1\b)",
    re.IGNORECASE,
)
"""A metric other than Recall@1, by which rounds are judged."""
_ANY_SHARE = re.compile(
    r"(?<![\w.@$/])(?<!eps\s)(?<!epsilon\s)(?:\d?\.\d+|\d{1,4}(?:\.\d+)?\s*(?:%|percent\b))", re.IGNORECASE
)


def target_in(text: str) -> float | None:
    """Return the target Recall@1 that a text names, or None; a target of another metric (`R@5`) does not count.

    It is from 0 to 1 unless the text says more, which no run can reach.
    """
    if find_other_metric(text) and not re.search(r"\br(?:ecall)?\s*@?\s*1\b", text, re.IGNORECASE):
        return None
    match = _TARGET.search(
        re.sub(rf"\bfrom\s+{_SHARE_FIGURE}\s+(?=to\b)", " ", without_limits(text), flags=re.IGNORECASE)
    )
    return _share(match[1] or match[2]) if match else None


def find_other_metric(text: str) -> str:
    """Return the metric other than Recall@1 that a text names, as written (`R@5`); empty without one."""
    named = _OTHER_METRIC.search(text)
    return named[0] if named else ""


def list_shares(text: str) -> list[str]:
    """Return the figures of a text that may be a metric's (`0.9`, `90 %`), as written."""
    return [match[0] for match in _ANY_SHARE.finditer(without_limits(text))]


def _share(figure: str) -> float:
    number = float(re.sub(r"[^\d.]", "", figure))
    return number if re.fullmatch(r"[\d.]+", figure) else number / 100
