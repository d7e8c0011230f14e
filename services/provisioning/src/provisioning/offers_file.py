"""Loads the offers from YAML; every problem is told with its file and line, all of them at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Annotated, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from provisioning import yaml_lines
from provisioning.domain import offers as domain
from provisioning.domain.offer_checks import Path as At
from provisioning.domain.offer_checks import Problem, check_repeats, members

GB = 2**30
Settings = type[BaseModel]
Drivers = Mapping[str, Settings | None]
"""The drivers there are by name, and what each takes as settings; None: it takes none."""

_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,6})(\.[0-9]{1,8})?", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LARGEST_BYTES = 4 * yaml_lines.LARGEST_CHARACTERS


@dataclass(frozen=True)
class FileProblem:
    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class OffersProblems(Exception):
    """Offers that cannot be used; ``problems`` in the order of their lines."""

    def __init__(self, problems: list[FileProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


def load_or_exit(path: Path, drivers: Drivers) -> domain.Offers:
    """For the start of a process: what is wrong with the offers is said, and ends it. Raises SystemExit."""
    try:
        return load(path, drivers)
    except OSError as error:
        raise SystemExit(f"The offers {path} cannot be read: {error.strerror}. Set PROVISIONING_OFFERS.") from None
    except OffersProblems as error:
        raise SystemExit(f"The offers cannot be used; correct them and start again.\n{error}") from None


def load(path: Path, drivers: Drivers) -> domain.Offers:
    """Raises OffersProblems; OSError when the file cannot be read."""
    with path.open("rb") as file:
        content = file.read(_LARGEST_BYTES + 1)
    try:
        # Too many bytes are too many characters, and may end within one.
        text = content.decode(errors="strict" if len(content) <= _LARGEST_BYTES else "ignore")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise OffersProblems([FileProblem(str(path), line, "this is not text in UTF-8")]) from error
    return parse(text, str(path), drivers)


def parse(text: str, file: str, drivers: Drivers) -> domain.Offers:
    """The offers that the YAML says; ``file`` is what problems call it. Raises OffersProblems."""
    document = yaml_lines.Document(text)
    found = set(document.problems)
    read: _Offers | None = None
    if not document.is_refused(()):
        problems = [*check_repeats(document.content), *_check_drivers(document.content, drivers)]
        try:
            read = _Offers.model_validate(document.content, strict=True)
        except ValidationError as error:
            problems += _problems(error, _Offers, ())
        found |= {
            yaml_lines.Found(document.line(problem.path), problem.message)
            for problem in problems
            if not document.is_refused(problem.path)
        }
    if found or read is None:
        ordered = sorted(found, key=lambda each: (each.line, each.message))
        raise OffersProblems([FileProblem(file, each.line, each.message) for each in ordered])
    return domain.Offers({each.provider: each.offered() for each in read.providers})


def _check_drivers(content: object, drivers: Drivers) -> Iterator[Problem]:
    """Whether each provider's driver exists and takes the settings that stand there."""
    for path, provider in members(content, (), "providers"):
        driver, told = provider.get("driver"), provider.get("settings", {})
        if not isinstance(driver, str):
            continue
        if driver not in drivers:
            yield Problem((*path, "driver"), f"{driver} is not a driver; there are {', '.join(sorted(drivers))}")
            continue
        settings = drivers[driver]
        if settings is not None:
            try:
                settings.model_validate(told)
            except ValidationError as error:
                yield from _problems(error, settings, (*path, "settings"))
        elif told:
            yield Problem((*path, "settings"), f"the driver {driver} has no settings")


def _name(value: object) -> object:
    if isinstance(value, int):
        raise PydanticCustomError(
            "name", '{value} is a number; as a name, write it in quotes: "{value}"', {"value": str(value)}
        )
    if isinstance(value, str) and not _NAME.fullmatch(value):
        shown = {"value": repr(value[:80])}
        message = "{value} is not a name: up to 64 letters, digits, dots, dashes and underscores"
        raise PydanticCustomError("name", message, shown)
    return value


def _words(value: object) -> object:
    if isinstance(value, str) and not (value.strip() and value.isprintable() and len(value) <= 100):
        raise PydanticCustomError("words", "what is written here is to be one line of up to 100 characters")
    return value


def _gigabytes(value: object) -> object:
    """GB (2^30 bytes) as bytes: a whole number, or a decimal in quotes that comes to whole bytes."""
    if isinstance(value, str):
        if not _DECIMAL.fullmatch(value):
            raise PydanticCustomError(
                "gigabytes", '{value} is not an amount of GB; write 4 or "0.5"', {"value": repr(value[:80])}
            )
        size = Fraction(Decimal(value)) * GB
        if size.denominator != 1:
            raise PydanticCustomError("gigabytes", "{value} GB are no whole number of bytes", {"value": value})
        return int(size)
    return value * GB if isinstance(value, int) and not isinstance(value, bool) else value


Name = Annotated[str, BeforeValidator(_name)]
Words = Annotated[str, BeforeValidator(_words)]
Gigabytes = Annotated[int, BeforeValidator(_gigabytes), Field(gt=0, le=1_000_000 * GB)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Plan(_Part):
    plan: Name
    name: Words
    vcpu: Annotated[int, Field(gt=0, le=10_000)]
    memory_gb: Gigabytes
    disk_gb: Gigabytes
    size: Words
    sold_out: bool = False

    def offered(self) -> domain.Plan:
        return domain.Plan(self.plan, self.name, self.vcpu, self.memory_gb, self.disk_gb, self.size, self.sold_out)


class _Region(_Part):
    region: Name
    name: Words
    at: Words | None = None
    plans: Annotated[list[_Plan], Field(min_length=1)]

    def offered(self) -> domain.Region:
        plans = {each.plan: each.offered() for each in self.plans}
        return domain.Region(self.region, self.name, self.at or self.region, plans)


class _Provider(_Part):
    provider: Name
    name: Words
    driver: Words
    settings: dict[str, object] = {}
    regions: Annotated[list[_Region], Field(min_length=1)]

    def offered(self) -> domain.Provider:
        regions = {each.region: each.offered() for each in self.regions}
        return domain.Provider(self.provider, self.name, self.driver, regions, self.settings)


class _Offers(_Part):
    providers: list[_Provider]
    """May be empty: then nothing is offered, which is how a system in containers begins."""


def _problems(error: ValidationError, model: Settings, path: At) -> Iterator[Problem]:
    for each in error.errors(include_url=False):
        yield Problem((*path, *each["loc"]), _sentence(each, model, path))


def _sentence(error: ErrorDetails, model: Settings, path: At) -> str:
    at = error["loc"]
    # What is said of a key of a mapping stands at that key.
    named = [part for part in (*path, *at) if isinstance(part, str) and part != "[key]"]
    name = named[-1] if named else "the file"
    limits = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden":
            return f"{name} is not a field here; there are {', '.join(_fields(model, at[:-1]))}"
        case "greater_than":
            return f"{name} is to be more than {_bound(limits['gt'])}"
        case "greater_than_equal":
            return f"{name} is to be {_bound(limits['ge'])} at least"
        case "less_than_equal":
            return f"{name} is to be {_bound(limits['le'])} at most"
        case "too_short":
            return f"{name} is empty; there is to be one at least"
        case "string_pattern_mismatch":
            return f"{name} is not of the form {limits['pattern']}"
        case "value_error":
            return str(limits["error"])
        case kind if kind in _FORMS:
            return f"{name} is to be {_FORMS[kind]}"
        case "name" | "words" | "gigabytes":
            return error["msg"]
        case _:
            return f"{name}: {error['msg']}"


_FORMS = {
    "string_type": "a word; a number is written in quotes to be one",
    "int_type": "a whole number, without quotes",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping of fields",
    "model_type": "a mapping of fields",
}


def _bound(limit: object) -> str:
    """A limit as it would be written in the file, where sizes are in GB."""
    return f"{limit // GB:,}" if isinstance(limit, int) and limit >= GB else f"{limit:,}"


def _fields(model: Settings, path: At) -> list[str]:
    """The fields of the model at a place within another."""
    for part in path:
        annotation: object = model.model_fields[part].annotation if part in model.model_fields else model
        inner = [
            each
            for each in (annotation, *get_args(annotation))
            if isinstance(each, type) and issubclass(each, BaseModel)
        ]
        model = inner[0] if inner else model
    return sorted(model.model_fields)
