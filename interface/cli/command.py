"""What every command is: options that several share, errors as one line and an exit code, no option given twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from atlantis_dml.app.output import report_errors
from atlantis_dml.cli.options import PARSERS, SHARED

_KIND = Parameter.KEYWORD_ONLY  # so that their order is free


def command(shared: str = "", **worded: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a command, whose errors are one line and an exit code.

    A parameter `given` of the function is a dataclass such as `RunOptions`. On the command line the fields that are
    named in `shared` replace it, in this order, with the dataclass' defaults and the options of `SHARED`, or those in
    `worded`, where this command words them in another way.
    """
    names = shared.split()

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = signature(function, eval_str=True)
        kind = own.parameters["given"].annotation if names else None
        parameters: list[Parameter] = []
        for parameter in own.parameters.values():
            is_given = parameter.name == "given"
            parameters += _expand(kind, names, SHARED | worded) if is_given else [parameter]

        @wraps(function)
        def run(**typed: Any) -> None:
            with report_errors(typed.get("as_json", False)):
                if kind:
                    texts = {name: typed.pop(name) for name in names}
                    typed["given"] = kind(**{n: PARSERS[n](v) if n in PARSERS else v for n, v in texts.items()})
                function(**typed)

        run.__signature__ = own.replace(parameters=[one.replace(kind=_KIND) for one in parameters])  # type: ignore[attr-defined]
        return run

    return decorate


def _expand(kind: Any, names: Iterable[str], worded: Mapping[str, Any]) -> list[Parameter]:
    """Return fields of a dataclass as parameters; what is parsed later is typed as a text."""
    defaults, types = {item.name: item.default for item in fields(kind)}, get_type_hints(kind)
    typed = {name: (str if defaults[name] else str | None) if name in PARSERS else types[name] for name in names}
    return [
        Parameter(name, _KIND, default=defaults[name], annotation=Annotated[typed[name], worded[name]])
        for name in names
    ]


def make_group(summary: str) -> typer.Typer:
    """Return a command that only has subcommands; without one of them it prints its help."""
    group = typer.Typer(help=summary, rich_markup_mode=None)

    @group.callback(invoke_without_command=True)
    def print_help(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return group


class Command(TyperCommand):
    """A command that refuses an option that is given twice and takes one value: the first would be dropped."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words after the command's name.

        Raises:
            typer.BadParameter: An option is given twice.
        """
        parser: Any = self.make_parser(ctx)
        _, _, given = parser.parse_args(args=list(args))
        single = [one for one in given if one.param_type_name == "option" and not (one.multiple or one.is_flag)]
        for option in single:
            if single.count(option) > 1:
                raise typer.BadParameter("it is given twice, and takes one value", ctx=ctx, param=option)
        return super().parse_args(ctx, args)
