"""Holding what the command reads, and the tests' answers, against a service's own API document."""

from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator
from pydantic import BaseModel

from shared.service import Service

JSON = "application/json"


class ApiDocument:
    def __init__(self, service: Service) -> None:
        self.document = service.create_api().openapi()
        self._root = self.document["components"]["schemas"]

    def operation(self, method: str, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.document["paths"][f"/api/v1{path}"][method]
        return found

    def answer(self, method: str, path: str, status: int) -> dict[str, Any]:
        """The schema of an answer."""
        schema: dict[str, Any] = self.operation(method, path)["responses"][str(status)]["content"][JSON]["schema"]
        return schema

    def item(self, path: str) -> dict[str, Any]:
        """The schema of what a list lists."""
        schema: dict[str, Any] = _resolved(self.answer("get", path, 200), self._root)["properties"]["items"]["items"]
        return schema

    def unread(self, model: type[BaseModel], theirs: dict[str, Any]) -> list[str]:
        """What the service may answer and the model would refuse."""
        ours = model.model_json_schema()
        return list(_differences(ours, theirs, (ours.get("$defs", {}), self._root), model.__name__))

    def faults(self, schema: dict[str, Any], document: object) -> list[str]:
        """What keeps a document from being one of the schema."""
        validator = Draft202012Validator({**schema, "components": self.document["components"]})
        return [error.message for error in validator.iter_errors(document)]


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        *_, name = schema["$ref"].split("/")
        schema = root[name]
    return schema


def _alternatives(schema: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    return [_resolved(one, root) for one in _resolved(schema, root).get("anyOf", [schema])]


def _differences(ours: dict[str, Any], theirs: dict[str, Any], roots: Any, where: str) -> Iterator[str]:
    readable = _alternatives(ours, roots[0])
    for answer in _alternatives(theirs, roots[1]):
        matching = [one for one in readable if one.get("type") == answer.get("type")]
        if not matching:
            yield f"{where} may be {answer.get('type')}"
        elif answer.get("type") == "array":
            yield from _differences(matching[0]["items"], answer["items"], roots, f"{where}[]")
        elif answer.get("type") == "object":
            for name in matching[0].get("required", ()):
                if name not in answer.get("required", ()):
                    yield f"{where}.{name} may be absent"
                else:
                    inner = matching[0]["properties"][name], answer["properties"][name]
                    yield from _differences(*inner, roots, f"{where}.{name}")
