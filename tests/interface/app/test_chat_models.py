"""Names, keys, addresses and prices of chat models: what is built, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from atlantis_core.base.errors import SetupError
from atlantis_core.records import Price
from atlantis_dml.agents.client.models import Access, build_chat_model
from atlantis_dml.app.prices import find_prices
from atlantis_dml.cli.options import parse_price
from atlantis_dml.settings import Settings

KEY = SecretStr("sk-secret")


def test_an_openai_compatible_model_never_streams_calls_unless_they_are_checked_raw() -> None:
    model: Any = build_chat_model("openai:m", Access(KEY, "http://127.0.0.1:1/v1", timeout_seconds=5))
    assert (model.model_name, model.disable_streaming, model.request_timeout) == ("m", "tool_calling", 5)
    streaming: Any = build_chat_model("openai:m", Access(KEY), streaming=True)
    assert streaming.disable_streaming is False


def test_a_deployment_on_azure_needs_an_endpoint_and_a_version() -> None:
    whole = Access(KEY, "https://example.openai.azure.com", "2026-01-01")
    model: Any = build_chat_model("azure:mine", whole)
    assert (model.deployment_name, model.azure_endpoint) == ("mine", "https://example.openai.azure.com")
    with pytest.raises(SetupError, match="AZURE_OPENAI_ENDPOINT"):
        build_chat_model("azure:mine", Access(KEY))


@pytest.mark.parametrize(
    ("name", "access", "wrong"),
    [
        ("claude", Access(KEY), "is not a chat model"),
        ("openai:", Access(KEY), "is not a chat model"),
        ("openai:m", Access(None), "set OPENAI_API_KEY"),
        ("azure:m", Access(None), "set AZURE_OPENAI_API_KEY"),
        ("openai:m", Access(KEY, "localhost"), "is not a URL"),
        ("openai:m", Access(KEY, "http://u:p@host/v1"), "contains a user name or password"),
    ],
)
def test_what_cannot_be_built_is_refused(name: str, access: Access, wrong: str) -> None:
    with pytest.raises(SetupError, match=wrong):
        build_chat_model(name, access)


def test_azure_has_a_key_and_an_address_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "one")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "two")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://azure")
    found = [Settings().key(name) for name in ("openai:m", "azure:m")]
    assert [key.get_secret_value() for key in found if key] == ["one", "two"]
    assert Settings().address("azure:m") == "https://azure"


def test_prices_come_from_the_option_or_the_table_in_the_workspace(tmp_path: Path) -> None:
    names = ["openai:m", None, "rules", "openai:other"]
    assert find_prices(names, None, tmp_path) == {}
    (tmp_path / "prices.toml").write_text('["openai:m"]\ninput = 0.25\noutput = 2\ncached_input = 0.025\n')
    assert find_prices(names, None, tmp_path) == {"openai:m": Price(0.25, 2.0, 0.025)}
    assert set(find_prices(names, Price(1, 2), tmp_path)) == {"openai:m", "openai:other"}


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ("[", "not a table of prices"),
        ('["openai:m"]\ninput = "x"\noutput = 1', "valid number"),
        ('["openai:m"]\ninput = -1\noutput = 1', "not a number of at least 0"),
    ],
)
def test_a_table_that_cannot_be_read_is_one_line(tmp_path: Path, table: str, wrong: str) -> None:
    (tmp_path / "prices.toml").write_text(table)
    with pytest.raises(SetupError, match=wrong):
        find_prices(["openai:m"], None, tmp_path)


@pytest.mark.parametrize("text", ["1", "1,2,3", "a,b", "-1,2", "nan,1", "inf,1"])
def test_a_price_is_two_numbers(text: str) -> None:
    with pytest.raises(SetupError, match="two numbers"):
        parse_price(text)
    assert parse_price("0.25,2") == Price(0.25, 2.0)
