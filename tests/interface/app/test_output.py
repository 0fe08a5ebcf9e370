"""How a command ends when something goes wrong that nobody foresaw."""

from __future__ import annotations

import json

import pytest
import typer
from sqlalchemy.exc import DatabaseError, IntegrityError

from atlantis_dml.app.output import EXIT_USER_ERROR, report_errors


@pytest.mark.parametrize("as_json", [False, True])
def test_an_unforeseen_error_flies_on_and_stdout_keeps_its_promise(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ZeroDivisionError), report_errors(as_json):
        _ = 1 // 0
    printed = capsys.readouterr().out
    assert ("ZeroDivisionError" in json.loads(printed)["error"]) if as_json else printed == ""


def test_a_damaged_database_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, report_errors(as_json=False):
        raise DatabaseError("SELECT 1", {}, Exception("database disk image is malformed"))
    assert ended.value.exit_code == EXIT_USER_ERROR
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "malformed" in said


def test_a_wrong_statement_is_a_bug_and_surfaces() -> None:
    with pytest.raises(IntegrityError), report_errors(as_json=False):
        raise IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed"))
