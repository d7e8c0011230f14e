"""The API document, and what every path answers to a stranger and to another owner."""

from typing import Any
from uuid import uuid4

from tests.identity.support import Space, code_of

OPEN = {
    ("post", "/api/v1/auth/nonces"),
    ("post", "/api/v1/auth/login"),
    ("post", "/api/v1/auth/enrol"),
    ("post", "/api/v1/auth/refresh"),
    ("post", "/api/v1/auth/exchange"),
    ("post", "/api/v1/auth/logout"),
    ("post", "/api/v1/auth/console/links/redeem"),
    ("post", "/api/v1/auth/console/qr"),
    ("post", "/api/v1/auth/console/qr/check"),
    ("post", "/api/v1/auth/console/refresh"),
    ("post", "/api/v1/auth/console/logout"),
    ("get", "/api/v1/auth/jwks.json"),
}


async def _operations(space: Space) -> dict[tuple[str, str], dict[str, Any]]:
    document = (await space.client().get("/api/v1/openapi/identity.json")).json()
    assert document["openapi"].startswith("3.1")
    return {
        (method, path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


async def test_every_path_but_the_open_ones_asks_for_a_token(space: Space) -> None:
    operations = await _operations(space)
    assert set(operations) >= OPEN
    for (method, path), operation in operations.items():
        if (method, path) in OPEN:
            assert "security" not in operation, path
            continue
        assert operation["security"] == [{"HTTPBearer": []}], path
        answer = await space.client().request(method, path.replace("{", "").replace("}", ""))
        assert code_of(answer) == "401 sign_in_needed", path


async def test_every_operation_is_described(space: Space) -> None:
    for (method, path), operation in (await _operations(space)).items():
        assert len(operation["description"]) > 40, f"{method} {path}"


async def test_an_id_that_is_nobodys_is_not_found_on_every_path(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    paths = [(method, path) for method, path in await _operations(space) if "{" in path]
    assert len(paths) == 3
    for method, path in paths:
        prefix = path.partition("{")[0].removeprefix("/api/v1")
        answer = await alice.ask(method.upper(), f"{prefix}{uuid4()}")
        assert answer.status_code == 404, path
        assert answer.json()["code"].endswith("_not_found")
        assert code_of(await alice.ask(method.upper(), f"{prefix}not-a-uuid")) == "422 request_invalid"
