"""Questions in the terminal: a choice by its number, a text, yes or no. Ctrl-C and a closed input stop the command."""

import sys
from collections.abc import Sequence

import typer

from agent.output import Output
from agent.passwords import has_terminal


def can_ask(out: Output) -> bool:
    """Whether somebody is there who can answer; with --json nobody is asked."""
    return not out.as_json and sys.stdin.isatty() and has_terminal()


def choose(out: Output, question: str, refusals: Sequence[str | None], default: int | None = None) -> int:
    """The place, from 0, of what was chosen among lines that were shown with their numbers.

    Args:
        refusals: For each line why it cannot be chosen, or None.
    """
    last = len(refusals)
    while True:
        typed = text(f"{question} (1-{last})", None if default is None else str(default + 1))
        if not (typed.isascii() and typed.isdigit() and 1 <= int(typed) <= last):
            out.say(f"Type a number from 1 to {last}.")
            continue
        refusal = refusals[int(typed) - 1]
        if refusal is None:
            return int(typed) - 1
        out.say(refusal)


def text(question: str, default: str | None = None, *, may_be_empty: bool = False) -> str:
    """What is typed, without spaces around it."""
    shown = "" if may_be_empty else default
    try:
        return str(typer.prompt(question, default=shown, show_default=not may_be_empty, err=True)).strip()
    except typer.Abort:
        raise KeyboardInterrupt from None


def is_sure(question: str) -> bool:
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        raise KeyboardInterrupt from None
