"""Output of a command: text or exactly one JSON object on stdout, other lines on stderr, an exit code."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import typer

from atlantis_core.base.errors import AtlantisError, ProviderUnavailable, Stopped
from atlantis_core.base.text import clean_text

EXIT_USER_ERROR = 2
"""Exit code when a person has to fix something."""
EXIT_WAITING = 3
"""Exit code when a run is paused or waits for a person."""
EXIT_INTERRUPTED = 130
"""Exit code after Ctrl-C."""

_LONGEST_LINE = 2000

_is_program = threading.Event()
_has_spoken = threading.Event()


def begin_program() -> None:
    """Let `announce` speak: this process is the command `atlantis`, and a person waits for its first line."""
    _is_program.set()


def mark_spoken() -> None:
    """Note that something was shown, so that `announce` need not speak."""
    _has_spoken.set()


def announce(doing: str) -> None:
    """Say what a command does before it imports what takes seconds; only as the first line of a program.

    Call it after the checks that are quick, so that their mistakes stay one line.
    """
    if _is_program.is_set() and not _has_spoken.is_set():
        say(f"{doing} ...")


@contextmanager
def report_errors(as_json: bool) -> Iterator[None]:
    """Turn this project's errors into one line and an exit code; other errors keep their traceback.

    A damaged, full or read-only database is also reported as one line. With `as_json`, stdout gets exactly one
    JSON object.

    Raises:
        typer.Exit: With code 2, 3 or 130.
    """
    try:
        yield
    except ProviderUnavailable as error:
        exit_with_message(str(error), EXIT_WAITING, as_json)
    except (KeyboardInterrupt, Stopped):
        exit_with_message("interrupted", EXIT_INTERRUPTED, as_json)
    except AtlantisError as error:
        exit_with_message(str(error), EXIT_USER_ERROR, as_json)
    except Exception as error:
        if _is_broken_database(error):
            reason = (str(getattr(error, "orig", error)).splitlines() or [""])[0]
            exit_with_message(
                f"the workspace's database cannot be used: {reason}; restore it, or name another workspace",
                EXIT_USER_ERROR,
                as_json,
            )
        if as_json and not isinstance(error, typer.Exit | typer.Abort):
            print_json({"error": f"unexpected {type(error).__name__}: {clean_text(str(error), _LONGEST_LINE)}"})
        raise


def _is_broken_database(error: Exception) -> bool:
    """Whether the file is damaged, locked or read-only; a wrong SQL statement is a bug instead."""
    loaded = sys.modules.get("sqlalchemy.exc")
    return loaded is not None and type(error) in {loaded.DatabaseError, loaded.OperationalError}


def exit_with_message(message: str, code: int, as_json: bool, facts: Mapping[str, Any] | None = None) -> NoReturn:
    """Print why a command ends early, with `as_json` also `facts` and the message as one JSON object, and end it.

    Raises:
        typer.Exit: Always.
    """
    say(message)
    if as_json:
        print_json({"error": message} | dict(facts or {}))
    raise typer.Exit(code)


def say(message: str) -> None:
    """Print one line on stderr, without the control characters that file or class names may contain."""
    mark_spoken()
    typer.echo(clean_text(message, _LONGEST_LINE), err=True)


def print_json(payload: Any) -> None:
    """Print the one JSON object of a command."""
    mark_spoken()
    typer.echo(json.dumps(payload, indent=2, allow_nan=False))
