"""What runs on an instance in the cloud rather than on an owner's machine."""

from pathlib import Path
from typing import Annotated

import typer

from agent.instance import config as configs
from agent.instance import running

app = typer.Typer(help="What an instance in the cloud runs.", no_args_is_help=True)


@app.command("run")
def run(
    config: Annotated[Path, typer.Option("--config", metavar="FILE", help="What this instance is told, as JSON.")],
) -> None:
    """Enrol this machine, report what it does and uses, and take orders, until it is told to finish."""
    ending = running.run(configs.load(config))
    raise typer.Exit(ending)
