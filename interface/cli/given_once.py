"""Options are given once: of two values the first would be dropped without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from collections.abc import Iterable


class GivenOnce(TyperCommand):
    """A command that refuses an option with a value where it stands twice, unless it takes several."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words behind the command's name.

        Raises:
            typer.BadParameter: An option stands twice.
        """
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for option in _twice(given):
            raise typer.BadParameter("it is given twice, and takes one value", ctx=ctx, param=option)
        return super().parse_args(ctx, args)


def _twice(given: Iterable[Any]) -> list[Any]:
    """Return the options of those that were given, in order, that stand there again and hold one value."""
    single = [one for one in given if one.param_type_name == "option" and not (one.multiple or one.is_flag)]
    return [option for option in single if single.count(option) > 1]
