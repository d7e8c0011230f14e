"""What an owner is told about restoring to a machine of their own, with our command or with restic alone."""

import shlex
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Step:
    """One step of the guide; ``command`` is to be copied."""

    title: str
    text: str
    command: str | None = None


ENVIRONMENT = MappingProxyType(
    {
        "SPACE_TICKET": "The ticket, as it was shown to you.",
        "SPACE_SECRET": "A random text that you make; with it you may fetch fresh keys, and nobody else may.",
        "RESTIC_REPOSITORY": "`repository_url` of the redeemed ticket.",
        "AWS_ACCESS_KEY_ID": "`access_key_id` of the redeemed ticket.",
        "AWS_SECRET_ACCESS_KEY": "`secret_access_key` of the redeemed ticket.",
        "AWS_SESSION_TOKEN": "`session_token` of the redeemed ticket.",
        "RESTIC_CACERT": "A file that holds `ca_certificate` of the redeemed ticket; leave it out when that is null.",
    }
)
"""The variables that the plain way sets, and what belongs in each."""


def restore_command(ticket: str, origin: str) -> str:
    return f"space restore --ticket {shlex.quote(ticket)} --origin {shlex.quote(origin)}"


def steps(ticket: str, origin: str, backup_url: str | None = None) -> list[Step]:
    """The restoration guide; where the snapshot has a Backup Url, it ends with the way by an Olares device."""
    on_device = [] if backup_url is None else [_on_device(backup_url)]
    return [*_by_command(ticket, origin), *on_device]


def _by_command(ticket: str, origin: str) -> list[Step]:
    return [
        Step(
            "Prepare the machine",
            "On the machine that is to receive your files, have the space command and restic 0.17 or newer. "
            "You need not sign in there: the ticket is enough.",
        ),
        Step(
            "Execute the following command locally",
            "The ticket is for this one restore. Use it within an hour; after its first use it works only on the "
            "machine that used it.",
            restore_command(ticket, origin),
        ),
        Step(
            "Enter the backup password as prompted",
            "The password is checked on your machine and never leaves it. If it is wrong, the command says so and "
            "asks again. Without the password nobody can restore the backup, and neither can we.",
        ),
        Step(
            "Wait until your files are verified",
            "If the restore is interrupted, run the same command again within 24 hours: it goes on from where it was.",
        ),
    ]


def _on_device(backup_url: str) -> Step:
    return Step(
        "Or restore on an Olares device",
        "On a device that is connected to this Space, open Settings > Restore and paste this Backup Url. The device "
        "asks for the backup password. The ticket is not needed there.",
        backup_url,
    )


def plain_restic(restore_id: str, restic_id: str, origin: str) -> list[str]:
    """The same with a shell, curl, jq and restic; it holds no secret, SPACE_TICKET is set by the reader."""
    post = "curl -fsS -H 'Content-Type: application/json' --data-binary @-"
    redeem, report = (
        shlex.quote(f"{origin}/api/v1{path}") for path in ("/tickets/redeem", f"/restores/{restore_id}/reports")
    )
    variables = {
        "RESTIC_REPOSITORY": "repository_url",
        "AWS_ACCESS_KEY_ID": "access_key_id",
        "AWS_SECRET_ACCESS_KEY": "secret_access_key",
        "AWS_SESSION_TOKEN": "session_token",
    }
    exports = " ".join(f'{name}="$(jq -r .{field} keys.json)"' for name, field in variables.items())
    redeeming = """printf '{"ticket":"%s","redeemer_secret":"%s"}' "$SPACE_TICKET" "$SPACE_SECRET\""""
    reporting = """printf '{"redeemer_secret":"%s","state":"completed"}' "$SPACE_SECRET\""""
    return [
        'umask 077; SPACE_SECRET="$(openssl rand -hex 32)"',
        f"{redeeming} | {post} {redeem} > keys.json",
        f"export {exports}",
        "jq -er '.ca_certificate // empty' keys.json > ca.pem && export RESTIC_CACERT=\"$PWD/ca.pem\"",
        f"restic restore --no-lock --verify --target restored {restic_id} && {reporting} | {post} {report}",
    ]
