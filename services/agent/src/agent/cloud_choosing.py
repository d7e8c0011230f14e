"""What is to be ordered: from options, and where one is missing from a person who is asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar
from uuid import UUID

from agent import api, cloud_asking, lookup
from agent.api import Client
from agent.cloud_wire import SizedSnapshot
from agent.errors import NotFound, SpaceError, UsageError
from agent.money import money_text
from agent.output import Output, size_text, time_text
from agent.provisioning_wire import Offers, Plan, Provider, Region
from agent.wire import Backup

SHOWN_SNAPSHOTS = 10
# So much of a disk may be filled by what is restored.
DISK_SHARE = Fraction(9, 10)
UNAVAILABLE = {"sold_out": "sold out", "no_price": "not sold", "unusable": "not just now"}

ChosenT = TypeVar("ChosenT")
_FIELDS = ("backup", "provider", "region", "plan", "name")


@dataclass(frozen=True)
class CloudRequest:
    """What the command line says; None where a person is asked, or where the service's own choice is taken."""

    backup: str | None = None
    snapshot: str | None = None
    provider: str | None = None
    region: str | None = None
    plan: str | None = None
    name: str | None = None
    payment_method: str | None = None
    resume: str | None = None
    yes: bool = False
    wait: bool = True


@dataclass(frozen=True)
class Place:
    provider: str
    region: str
    plan: str


@dataclass(frozen=True)
class Wish:
    """An order as the service takes it."""

    snapshot_id: UUID
    place: Place
    instance_name: str

    def body(self) -> dict[str, object]:
        place = self.place
        return {
            "snapshot_id": str(self.snapshot_id),
            "provider": place.provider,
            "region": place.region,
            "plan": place.plan,
            "instance_name": self.instance_name,
        }


def missing_options(request: CloudRequest, *, has_password: bool) -> list[str]:
    """What must be given where nobody can be asked; a name may come from the backup's Terminus."""
    if request.resume is not None:
        missing = []
    else:
        missing = [f"--{field}" for field in _FIELDS if field != "name" and getattr(request, field) is None]
    if request.resume is None and not request.yes:
        missing.append("--yes")
    if request.wait and not has_password:
        missing.append("--password-file or --password-command")
    return missing


class Chooser:
    """Finds what the options name and asks for the rest; nothing is ordered here.

    Args:
        asks: Whether somebody can be asked.
    """

    def __init__(self, client: Client, out: Output, *, asks: bool) -> None:
        self._client = client
        self._out = out
        self._asks = asks

    def backup(self, wanted: str | None) -> Backup:
        if wanted is not None:
            return api.parse(Backup, lookup.backup(self._client, wanted))
        listed = [item for item in self._client.items("/backups", {"state": "active"}) if item.get("snapshot_count")]
        if not listed:
            raise NotFound("backup_not_found", "There is no backup to restore.", hint="`space backup PATH` makes one.")
        listed.sort(key=lambda item: str(item.get("latest_snapshot_at")), reverse=True)
        rows = [
            (
                str(item.get("name")),
                str(item.get("terminus_name") or "-"),
                time_text(item.get("latest_snapshot_at")),
                size_text(item.get("storage_bytes")),
            )
            for item in listed
        ]
        columns = ("Backup", "Terminus", "Latest snapshot", "Storage used")
        return api.parse(Backup, self._pick("Which backup?", columns, rows, listed, default=0))

    def snapshot(self, task: Backup, request: CloudRequest) -> SizedSnapshot:
        """The latest one, unless another is named; only who is asked for the backup is asked for this too."""
        wanted = request.snapshot
        items = self._client.items(f"/backups/{task.backup_id}/snapshots", {"status": "successful"})
        listed = sorted((api.parse(SizedSnapshot, item) for item in items), key=lambda each: each.taken_at)[::-1]
        if wanted is not None or not listed:
            named = lookup.snapshot(self._client, task.backup_id, wanted or lookup.LATEST)
            return next(each for each in listed if each.snapshot_id == named.snapshot_id)
        if request.backup is not None:
            return listed[0]
        shown = listed[:SHOWN_SNAPSHOTS]
        rows = [
            (time_text(each.taken_at.isoformat()), size_text(each.size_processed_bytes), str(each.snapshot_id))
            for each in shown
        ]
        chosen = self._pick(f"Which snapshot of {task.name}?", ("Taken", "Size", "Id"), rows, shown, default=0)
        if len(listed) > len(shown) and chosen is shown[-1]:
            self._out.say("`--snapshot ID` names an older one.")
        return chosen

    def place(self, request: CloudRequest, needed_bytes: int | None) -> Place:
        """Provider, region and plan. What is sold out, or has too small a disk, is shown and cannot be chosen."""
        found = api.parse(Offers, self._client.get("/offers", authorised=False))
        if not found.providers:
            raise SpaceError("offer_unavailable", "No instances are sold here.")
        provider = self._provider(found.providers, request.provider)
        region = self._region(provider, request.region)
        plan = self._plan(region, request.plan, needed_bytes)
        return Place(provider.provider, region.region, plan.plan)

    def name(self, task: Backup, request: CloudRequest) -> str:
        """The instance's name, by default that of the Terminus that was backed up."""
        default = task.terminus_name
        if request.name is not None:
            return request.name
        if self._asks and not (request.yes and default):
            # Only an Olares name can be one; another would be offered in vain.
            return cloud_asking.text("Name of the instance", default if default and "@" in default else None)
        if default is None:
            raise _unnamed(["--name"], f"{task.name} belongs to no Terminus whose name could be taken.")
        return default

    def _provider(self, providers: Sequence[Provider], wanted: str | None) -> Provider:
        if wanted is not None:
            return _named(providers, wanted, "provider", lambda each: each.provider)
        rows = [(each.name, _counted(len(each.regions)), _from_price(_plans(each))) for each in providers]
        refusals = [None if any(plan.available for plan in _plans(each)) else "sold out" for each in providers]
        return self._pick("Which provider?", ("Provider", "Regions", "A month"), rows, providers, refusals=refusals)

    def _region(self, provider: Provider, wanted: str | None) -> Region:
        if wanted is not None:
            return _named(provider.regions, wanted, "region", lambda each: each.region)
        rows = [(each.name, each.region, _from_price(each.plans)) for each in provider.regions]
        refusals = [None if any(plan.available for plan in each.plans) else "sold out" for each in provider.regions]
        question = f"Which region of {provider.name}?"
        return self._pick(question, ("Region", "Code", "A month"), rows, provider.regions, refusals=refusals)

    def _plan(self, region: Region, wanted: str | None, needed_bytes: int | None) -> Plan:
        if wanted is not None:
            return _named(region.plans, wanted, "plan", lambda each: each.plan)
        refusals = [_refusal(plan, needed_bytes) for plan in region.plans]
        rows = [
            (
                plan.plan, str(plan.vcpu), size_text(plan.memory_bytes), size_text(plan.disk_bytes),
                money_text(plan.monthly_price), size_text(plan.included_traffic_bytes),
                size_text(plan.included_storage_bytes),
            )
            for plan in region.plans
        ]  # fmt: skip
        columns = ("Plan", "vCPU", "Memory", "Disk", "A month", "Traffic incl.", "Storage incl.")
        optional = ("Storage incl.", "Traffic incl.")
        return self._pick("Which plan?", columns, rows, region.plans, refusals=refusals, optional=optional)

    def _pick(
        self,
        question: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        chosen_from: Sequence[ChosenT],
        *,
        refusals: Sequence[str | None] | None = None,
        default: int | None = None,
        optional: Sequence[str] = (),
    ) -> ChosenT:
        """One of several by its number; the only one is not asked about."""
        why = refusals or [None] * len(rows)
        what = columns[0].lower()
        if all(why):
            raise SpaceError(
                "offer_unavailable",
                f"Every {what} there is {' or '.join(dict.fromkeys(filter(None, why)))}.",
                hint="`space offers` shows all there is.",
            )
        if len(rows) == 1:
            self._out.say(f"{columns[0]}: {', '.join(cell for cell in rows[0][:4] if cell != '-')}")
            return chosen_from[0]
        shown = [
            ("" if refusal else str(number), *row, *([refusal or ""] if any(why) else []))
            for number, (row, refusal) in enumerate(zip(rows, why, strict=True), start=1)
        ]
        titles = ("#", *columns, *([""] if any(why) else []))
        self._out.table([], titles, shown, empty="", optional=optional)
        spoken = [None if each is None else f"This {what} is {each}. Choose another." for each in why]
        return chosen_from[cloud_asking.choose(self._out, question, spoken, default)]


def _named(of: Sequence[ChosenT], wanted: str, what: str, code: Callable[[ChosenT], str]) -> ChosenT:
    found = next((each for each in of if code(each) == wanted), None)
    if found is None:
        there = ", ".join(code(each) for each in of)
        raise UsageError("offer_unknown", f"There is no {what} {wanted}; there is {there}.", hint="See `space offers`.")
    return found


def _unnamed(options: Sequence[str], why: str) -> UsageError:
    return UsageError("option_missing", f"{', '.join(options)} is needed: {why}")


def _refusal(plan: Plan, needed_bytes: int | None) -> str | None:
    if not plan.available:
        return UNAVAILABLE.get(str(plan.unavailable_because), "not available")
    return None if fits(plan, needed_bytes) else "too small"


def fits(plan: Plan, needed_bytes: int | None) -> bool:
    """Whether the service would take an order of that size; it decides, this only spares the attempt."""
    return needed_bytes is None or needed_bytes <= plan.disk_bytes * DISK_SHARE


def _plans(provider: Provider) -> list[Plan]:
    return [plan for region in provider.regions for plan in region.plans]


def _counted(regions: int) -> str:
    return "1 region" if regions == 1 else f"{regions} regions"


def _from_price(plans: Sequence[Plan]) -> str:
    prices = [plan.monthly_price for plan in plans if plan.available and plan.monthly_price is not None]
    if not prices:
        return "-"
    return f"from {money_text(min(prices, key=lambda price: price.amount_minor))}"
