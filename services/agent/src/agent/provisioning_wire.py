"""The answers of provisioning, as far as the command shows them; every field named here must be in an answer."""

from pydantic import StrictInt

from agent.wire import Answer, Money


class Plan(Answer):
    plan: str
    name: str
    vcpu: StrictInt
    memory_bytes: StrictInt
    disk_bytes: StrictInt
    monthly_price: Money | None
    included_traffic_bytes: StrictInt | None
    included_storage_bytes: StrictInt | None
    available: bool
    unavailable_because: str | None
    unconfirmed_since: str | None


class Region(Answer):
    region: str
    name: str
    plans: list[Plan]


class Provider(Answer):
    provider: str
    name: str
    regions: list[Region]


class Offers(Answer):
    providers: list[Provider]


class Versions(Answer):
    agent: str | None
    olares: str | None


class InstanceUse(Answer):
    traffic_bytes: StrictInt
    disk_bytes: StrictInt
    measured_at: str | None
    included_traffic_bytes: StrictInt | None
    included_storage_bytes: StrictInt | None


class Instance(Answer):
    instance_id: str
    name: str
    status: str
    code: str | None
    reason: str | None
    needs_operator: bool
    actions: list[str]
    provider: str
    provider_name: str
    region: str
    region_name: str
    plan: str
    vcpu: StrictInt | None
    memory_bytes: StrictInt | None
    plan_disk_bytes: StrictInt | None
    address: str | None
    restore_id: str | None
    created_at: str
    updated_at: str
    started_at: str | None
    runtime_seconds: StrictInt | None
    ended_at: str | None
    heard_at: str | None
    versions: Versions
    usage: InstanceUse


class LogLine(Answer):
    number: StrictInt
    logged_at: str
    source: str
    line: str


class PageLink(Answer):
    """A one-time link to the page of an instance."""

    url: str
    expires_at: str
