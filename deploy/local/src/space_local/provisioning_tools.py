"""What an operator asks of provisioning: instances that wait for a person, and machines that nobody ordered."""

from urllib.parse import quote
from uuid import UUID

from space_local.errors import LocalError
from space_local.operator_tools import internal, items, refusal
from space_local.options import Options

VERDICTS = ("look_again", "no_machine")
REDRIVE = (
    "make redrive INSTANCE=<its id> VERDICT=look_again, or VERDICT=no_machine once you have seen that there is none"
)


async def list_stuck(options: Options) -> None:
    """Instances of which provisioning cannot find out by itself what has become of their machine."""
    async with internal(options, "provisioning") as client:
        found = items(await client.get("/internal/instances/stuck"))
    print(f"{len(found)} instances wait for an operator")
    for item in found:
        machine = f"machine {item['machine']}" if item["machine"] else "no machine is known"
        print(
            f"  {item['instance_id']} {item['name']} is {item['status']} at {item['provider']} {item['region']} "
            f"({machine}), and waits since {item['stuck_at']}: {item['reason'] or 'no reason is known'}"
        )
    if found:
        print(f"Look for a machine with the instance's id in its tags; then {REDRIVE}.")


async def redrive(options: Options, instance_id: str, verdict: str) -> None:
    """Let provisioning go on with an instance, by what a person has seen at the provider."""
    try:
        instance = UUID(instance_id)
    except ValueError:
        raise LocalError(f"{instance_id!r} is not the id of an instance (`make stuck` lists them): {REDRIVE}") from None
    if verdict not in VERDICTS:
        raise LocalError(f"{verdict!r} is not a verdict: {REDRIVE}")
    async with internal(options, "provisioning") as client:
        answer = await client.post(f"/internal/instances/{instance}/redrive", json={"verdict": verdict})
    if not answer.is_success:
        raise LocalError(refusal(answer))
    print(f"{instance} goes on: {verdict.replace('_', ' ')}")


async def orphans(options: Options, *, keep: str | None, give_back: str | None) -> None:
    """List the machines of ours that no instance is known for, or decide about one, named PROVIDER/REFERENCE."""
    async with internal(options, "provisioning") as client:
        for named, decision in ((keep, "keep"), (give_back, "return")):
            if named is None:
                continue
            provider, slash, reference = named.partition("/")
            if not (provider and slash and reference):
                raise LocalError(f"{named!r} is not PROVIDER/REFERENCE, as `make orphans` lists them.")
            answer = await client.post(f"/internal/orphans/{provider}/{quote(reference, safe='')}/{decision}")
            if not answer.is_success:
                raise LocalError(refusal(answer))
        found = items(await client.get("/internal/orphans"))
    there = [item for item in found if item["state"] != "returned"]
    print(f"{len(there)} machines without an instance; {len(found) - len(there)} were returned")
    for item in found:
        due = {
            "found": f"is returned at {item['due_at']} unless you keep it",
            "kept": "is kept",
            "returned": f"was returned at {item['ended_at']}",
        }
        print(
            f"  {item['provider']}/{item['reference']} in {item['region']}, made for {item['instance_id']}, "
            f"found at {item['found_at']}, {due[item['state']]}"
        )
