"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

JsonFlag: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")]
Origin: TypeAlias = Annotated[
    str | None,
    typer.Option("--origin", metavar="URL", help="Address of the service; else SPACE_ORIGIN, else the last one used."),
]
CaFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--ca-file", metavar="FILE", help="PEM file of the authority that signed the service's certificate."),
]
PasswordFile: TypeAlias = Annotated[
    str | None,
    typer.Option("--password-file", metavar="FILE", help="Read the backup password from a file (- is standard input)."),
]
PasswordCommand: TypeAlias = Annotated[
    str | None,
    typer.Option("--password-command", metavar="COMMAND", help="Take the backup password from a command's output."),
]
BackupName: TypeAlias = Annotated[str, typer.Argument(metavar="NAME|ID", help="A backup task's name or id.")]
WithMethod: TypeAlias = Annotated[
    str | None,
    typer.Option("--method", metavar="ID", help="Pay with this payment method; else with the default one."),
]
PaymentWait: TypeAlias = Annotated[
    float, typer.Option("--wait", min=0, metavar="SECONDS", help="How long to wait until the payment is through.")
]
