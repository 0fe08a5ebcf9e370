"""Columns and values as they are typed."""

from __future__ import annotations

import pytest

from atlantis_core.data.column_syntax import format_column, parse_column_value, parse_column_values, parse_names
from atlantis_core.searching.filters import parse_filters


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("visit=2", ("visit", "2")),
        (" visit = 2 ", ("visit", "2")),
        ("note=a=b, c", ("note", "a=b, c")),
        (r"focal\=35=yes", ("focal=35", "yes")),
        (r"a\,b=c\,d=e", ("a,b", "c,d=e")),
        (r"path=x\y", ("path", r"x\y")),
        (r"focal\=35", None),
        ("visit=", None),
        ("=2", None),
        ("", None),
    ],
)
def test_the_first_sign_divides_that_has_no_backslash(text: str, found: tuple[str, str] | None) -> None:
    assert parse_column_value(text) == found
    if found:
        assert parse_filters([text]) == {found[0]: [found[1]]}


@pytest.mark.parametrize("pair", [("focal=35", "a=b"), ("a,b", "c,d=e"), (r"a\b", r"c\=d"), ("visit", "2")])
def test_what_is_written_down_is_read_again(pair: tuple[str, str]) -> None:
    text = "=".join(map(format_column, pair))
    assert parse_column_value(text) == pair
    assert [parse_column_value(part) for part in parse_column_values(f"{text},{text}")] == [pair, pair]
    assert parse_names(",".join(map(format_column, pair))) == pair


def test_commas_divide_values_only_before_the_next_column() -> None:
    assert parse_column_values("light=night, clear,light=day") == ["light=night, clear", "light=day"]
    assert parse_column_values(r"light=night\,x=1,a\=b=2") == [r"light=night\,x=1", r"a\=b=2"]
