"""Loads a price book from YAML; every problem is told with its file and line, all of them at once."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import yaml

from billing import yaml_marks as marks
from billing.domain.price_checks import check_prices, check_whole
from billing.domain.prices import Place, Plan, PriceBook, Region, Tier, Version

_UNREAD = -1
"""Stands for a bound that could not be read, which is a problem of its own."""
_ANY_TIERS = (Tier(0, None, Decimal(0)),)


@dataclass(frozen=True)
class FileProblem:
    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class PriceBookProblems(Exception):
    """A price book that cannot be used; ``problems`` in the order of their lines."""

    def __init__(self, problems: list[FileProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def load(path: Path) -> PriceBook:
    """Raises PriceBookProblems; OSError when the file cannot be read."""
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PriceBookProblems([FileProblem(str(path), line, "this is not text in UTF-8")]) from error
    return parse(text, str(path))


def parse(text: str, file: str) -> PriceBook:
    """The price book that the YAML says; ``file`` is what problems call it. Raises PriceBookProblems."""
    document = marks.Document(text)
    book = _Reader(document).book()
    problems = check_prices(book)
    if not document.problems:
        # Only of what could be read whole can be said that something is missing from it.
        problems += check_whole(book)
    found = {*document.problems, *(document.locate(problem) for problem in problems)}
    if found:
        ordered = sorted(found, key=lambda each: (each.line, each.message))
        raise PriceBookProblems([FileProblem(file, each.line, each.message) for each in ordered])
    return book


class _Reader:
    """Makes a price book of a document. What cannot be read is replaced by what `check` has nothing to say about."""

    def __init__(self, document: marks.Document) -> None:
        self._document = document
        self._value = document.value

    def book(self) -> PriceBook:
        fields = self._document.fields(
            self._document.root, (), {"backup_storage_place", "default_spend_limit", "versions"}, {"tax_rates"}
        )
        versions = self._versions(fields.get("versions"))
        rates = self._document.names(fields.get("tax_rates"), ("tax_rates",))
        return PriceBook(
            versions=tuple(versions),
            place=self._place(fields.get("backup_storage_place")),
            default_spend_limit_minor=self._value(fields.get("default_spend_limit"), marks.minor, 0),
            tax_rates={country: self._tax_rate(country, node) for country, node in rates.items()},
        )

    def _place(self, node: yaml.Node | None) -> Place:
        fields = self._document.fields(node, ("backup_storage_place",), {"provider", "region"})
        return self._value(fields.get("provider"), marks.name, ""), self._value(fields.get("region"), marks.name, "")

    def _tax_rate(self, country: str, node: yaml.Node) -> Decimal:
        if len(country) != 2 or not (country.isascii() and country.isalpha() and country.isupper()):
            self._document.refuse(node, f"{country} is not a country: two capital letters (ISO 3166-1)")
        return self._value(node, marks.decimal, Decimal(0))

    def _versions(self, node: yaml.Node | None) -> list[Version]:
        versions: list[Version] = []
        for number, item in enumerate(self._document.items(node, ("versions",))):
            versions.append(self._version(item, ("versions", number), versions[-1] if versions else None))
        return versions

    def _version(self, node: yaml.Node, path: marks.Path, before: Version | None) -> Version:
        required = {"name", "effective_from", "currency", "free_backup_storage", "regions"}
        fields = self._document.fields(node, path, required, {"effective_until"})
        free = self._document.fields(
            fields.get("free_backup_storage"), (*path, "free_backup_storage"), {"gb_per_terminus", "max_terminus"}
        )
        until = fields.get("effective_until")
        return Version(
            name=self._value(fields.get("name"), marks.name, f"#{path[-1]}"),
            effective_from=self._value(fields.get("effective_from"), marks.instant, _after(before)),
            effective_until=self._value(until, marks.instant, None),
            currency=self._value(fields.get("currency"), marks.name, before.currency if before else "USD"),
            free_bytes_per_terminus=self._value(free.get("gb_per_terminus"), marks.gigabytes, 0),
            max_free_terminus=self._value(free.get("max_terminus"), marks.whole, 1),
            regions=self._regions(fields.get("regions"), (*path, "regions")),
        )

    def _regions(self, node: yaml.Node | None, path: marks.Path) -> dict[Place, Region]:
        regions: dict[Place, Region] = {}
        for number, item in enumerate(self._document.items(node, path)):
            region = self._region(item, (*path, number))
            if (region.provider, region.name) in regions:
                self._document.refuse(item, f"{region.provider}/{region.name} stands here twice")
                region = replace(region, name=f"#{number}")
            regions[region.provider, region.name] = region
        return regions

    def _region(self, node: yaml.Node, path: marks.Path) -> Region:
        required = {"provider", "region", "backup_storage", "cloud_storage", "traffic", "plans"}
        fields = self._document.fields(node, path, required)
        return Region(
            provider=self._value(fields.get("provider"), marks.name, f"#{path[-1]}"),
            name=self._value(fields.get("region"), marks.name, f"#{path[-1]}"),
            backup_storage=self._tiers(fields.get("backup_storage"), (*path, "backup_storage")),
            cloud_storage=self._tiers(fields.get("cloud_storage"), (*path, "cloud_storage")),
            traffic=self._tiers(fields.get("traffic"), (*path, "traffic")),
            plans=self._plans(fields.get("plans"), (*path, "plans")),
        )

    def _tiers(self, node: yaml.Node | None, path: marks.Path) -> tuple[Tier, ...]:
        items = self._document.items(node, path)
        tiers = tuple(self._tier(item, (*path, number)) for number, item in enumerate(items))
        unread = not isinstance(node, yaml.SequenceNode) or any(_UNREAD in (t.from_bytes, t.to_bytes) for t in tiers)
        return _ANY_TIERS if unread else tiers

    def _tier(self, node: yaml.Node, path: marks.Path) -> Tier:
        fields = self._document.fields(node, path, {"from_gb", "price"}, {"to_gb"})
        return Tier(
            from_bytes=self._value(fields.get("from_gb"), marks.gigabytes, _UNREAD),
            to_bytes=self._value(
                fields.get("to_gb"), marks.gigabytes_or_nothing, _UNREAD if "to_gb" in fields else None
            ),
            per_gb_month=self._value(fields.get("price"), marks.decimal, Decimal(0)),
        )

    def _plans(self, node: yaml.Node | None, path: marks.Path) -> dict[str, Plan]:
        plans: dict[str, Plan] = {}
        for number, item in enumerate(self._document.items(node, path)):
            plan = self._plan(item, (*path, number))
            if plan.name in plans:
                self._document.refuse(item, f"the plan {plan.name} stands here twice")
                plan = replace(plan, name=f"#{number}")
            plans[plan.name] = plan
        return plans

    def _plan(self, node: yaml.Node, path: marks.Path) -> Plan:
        required = {"name", "monthly_price", "included_traffic_gb", "included_storage_gb"}
        fields = self._document.fields(node, path, required)
        return Plan(
            name=self._value(fields.get("name"), marks.name, f"#{path[-1]}"),
            monthly_minor=self._value(fields.get("monthly_price"), marks.minor, 0),
            included_traffic_bytes=self._value(fields.get("included_traffic_gb"), marks.gigabytes, 0),
            included_storage_bytes=self._value(fields.get("included_storage_gb"), marks.gigabytes, 0),
        )


def _after(before: Version | None) -> datetime:
    """When a version begins whose date cannot be read: where the one before leaves room."""
    if before is None:
        return datetime.min.replace(tzinfo=UTC)
    return before.effective_until or before.effective_from + timedelta(seconds=1)
