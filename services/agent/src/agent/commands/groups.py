"""A noun that is a command and a group at once: `space backup PATH` beside `space backup show NAME`."""

from typing import Any

from typer.core import TyperGroup


class RunByDefault(TyperGroup):
    """Words that do not begin with the name of a subcommand are arguments of `run`.

    A folder that is called like a subcommand is written with its path: `./show`.
    """

    # The type of the context is private to typer here.
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)
