"""What an operator asks of restore: restores to the cloud that wait for a person."""

from uuid import UUID

from space_local.errors import LocalError
from space_local.operator_tools import internal, items, refusal
from space_local.options import Options

REDRIVE = "make redrive RESTORE=<its id>"


async def list_parked(options: Options) -> None:
    """Restores whose money or machine was asked about again and again, without an answer."""
    async with internal(options, "restore") as client:
        found = items(await client.get("/internal/restores/stuck"))
    print(f"{len(found)} restores wait for an operator")
    for item in found:
        why = f"undone ({item['ending']}: {item['reason'] or 'no reason is known'})" if item["ending"] else "to be paid"
        print(
            f"  {item['restore_id']} is {why}, and waits since {item['parked_at']}: payment {item['payment']} "
            f"(quote {item['quote_id']}), instance {item['compute']} ({item['instance_id']})"
        )
    if found:
        print(f"See what billing and provisioning say of it; then {REDRIVE}.")


async def redrive(options: Options, restore_id: str) -> None:
    """Let a parked restore ask again for what it waits for."""
    try:
        restore = UUID(restore_id)
    except ValueError:
        raise LocalError(f"{restore_id!r} is not the id of a restore (`make stuck` lists them): {REDRIVE}") from None
    async with internal(options, "restore") as client:
        answer = await client.post(f"/internal/restores/{restore}/redrive")
    if not answer.is_success:
        raise LocalError(refusal(answer))
    print(f"{restore} asks again")
