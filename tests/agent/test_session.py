"""Being signed in: who renews tokens, how often, and what happens when the service says no."""

import threading
import time
from itertools import count
from typing import Any

import pytest

from agent import config, proof, session
from agent.errors import ExitCode, NotSignedIn, ServerRefused, SpaceError, Unreachable


def refusal(status: int, code: str) -> tuple[int, dict[str, Any]]:
    return status, {"status": status, "code": code, "detail": "No."}


def tokens(number: int, expires_in: int = 600) -> dict[str, Any]:
    return {
        "access_token": f"access-{number}",
        "token_type": "Bearer",
        "expires_in": expires_in,
        "refresh_token": f"refresh-{number}",
        "refresh_expires_in": 86400,
        "owner": {
            "owner_id": "7d3d7c3e-0000-4000-8000-000000000001",
            "did": "did:key:z6Mk",
            "olares_name": "alice@olares.com",
            "name_is_provisional": False,
            "created_at": "2026-01-01T00:00:00Z",
        },
    }


def keep(origin: str, *, fresh_for: float) -> None:
    config.write_private(
        config.session_file(),
        {
            "origin": origin,
            "access_token": "access-0",
            "access_expires_at": time.time() + fresh_for,
            "refresh_token": "refresh-0",
        },
    )


def slowly(answer: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """So that commands which run at once do meet here."""
    time.sleep(0.2)
    return 200, answer


@pytest.fixture
def service(scripted: Any) -> Any:
    numbers = count(1)
    scripted.answers = {
        ("GET", "/me"): lambda _: (200, {"did": "did:key:z6Mk"}),
        ("POST", "/auth/refresh"): lambda _: slowly(tokens(next(numbers))),
        ("POST", "/auth/nonces"): lambda _: (
            201,
            {"nonce": "n", "audience": scripted.origin, "issued_at": "2026-01-01T00:00:00Z"},
        ),
        ("POST", "/auth/login"): lambda _: (200, tokens(next(numbers))),
        ("POST", "/auth/logout"): lambda _: (200, {}),
        ("POST", "/auth/exchange"): lambda _: (200, {"access_token": "exchanged", "expires_in": 600}),
    }
    return scripted


def whoami(origin: str) -> dict[str, object]:
    with session.open_client(origin) as client:
        return client.get("/me")


def test_a_fresh_token_is_used_as_it_is(service: Any) -> None:
    keep(service.origin, fresh_for=600)

    whoami(service.origin)

    assert service.requests == [("GET", "/me", {}, "Bearer access-0")]


def test_commands_that_run_at_once_refresh_once(service: Any) -> None:
    keep(service.origin, fresh_for=-1)
    commands = [threading.Thread(target=whoami, args=(service.origin,)) for _ in range(5)]
    for command in commands:
        command.start()
    for command in commands:
        command.join()

    assert service.count("POST", "/auth/refresh") == 1
    assert {request[3] for request in service.requests if request[1] == "/me"} == {"Bearer access-1"}
    kept = config.read_private(config.session_file())
    assert kept is not None
    assert kept["refresh_token"] == "refresh-1"


def test_a_token_that_the_service_refuses_is_renewed_once(service: Any) -> None:
    keep(service.origin, fresh_for=600)
    service.answers["GET", "/me"] = lambda _: refusal(401, "token_invalid")

    with pytest.raises(ServerRefused) as failure:
        whoami(service.origin)

    assert failure.value.exit_code is ExitCode.SIGN_IN_NEEDED
    assert service.count("POST", "/auth/refresh") == 1
    assert service.count("GET", "/me") == 2


def test_a_spent_refresh_token_is_replaced_by_a_proof_of_the_key_pair(service: Any) -> None:
    proof.load_or_create()
    keep(service.origin, fresh_for=-1)
    service.answers["POST", "/auth/refresh"] = lambda _: refusal(401, "refresh_reused")

    whoami(service.origin)

    assert service.count("POST", "/auth/refresh") == 1
    assert service.count("POST", "/auth/login") == 1


def test_a_removed_device_has_to_sign_in(service: Any) -> None:
    proof.load_or_create()
    keep(service.origin, fresh_for=-1)
    service.answers["POST", "/auth/refresh"] = lambda _: refusal(401, "session_ended")
    service.answers["POST", "/auth/login"] = lambda _: refusal(403, "device_removed")

    with pytest.raises(NotSignedIn):
        whoami(service.origin)


def test_a_refresh_is_never_sent_twice(service: Any) -> None:
    keep(service.origin, fresh_for=-1)
    service.answers["POST", "/auth/refresh"] = lambda _: refusal(503, "busy")

    with pytest.raises(ServerRefused) as failure:
        whoami(service.origin)

    assert failure.value.exit_code is ExitCode.UNREACHABLE
    assert service.count("POST", "/auth/refresh") == 1


def test_an_api_token_is_used_instead_of_the_session_and_never_kept(
    service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_API_TOKEN", "api-secret")

    whoami(service.origin)

    assert service.requests[-1][3] == "Bearer exchanged"
    assert service.requests[0][2] == {"api_token": "api-secret"}
    assert not config.session_file().exists()


def test_a_session_of_one_origin_is_not_shown_to_another(service: Any) -> None:
    keep("http://127.0.0.1:9", fresh_for=600)

    with pytest.raises(NotSignedIn, match="signed in to"):
        whoami(service.origin)

    assert service.requests == []


def test_signing_out_forgets_the_tokens_even_if_the_service_is_away(service: Any) -> None:
    keep("http://127.0.0.1:9", fresh_for=600)

    with pytest.raises(Unreachable):
        session.sign_out()

    assert "refresh" not in config.session_file().read_text()
    assert session.origin() == "http://127.0.0.1:9"
    assert session.sign_out() is False


def test_a_passing_failure_is_tried_again_with_the_same_idempotency_key(service: Any) -> None:
    keep(service.origin, fresh_for=600)
    answers = iter([refusal(503, "busy"), refusal(429, "slow_down"), (201, {"name": "made"})])
    service.answers["POST", "/terminus"] = lambda _: next(answers)

    with session.open_client(service.origin) as client:
        assert client.post("/terminus", {"name": "x"}) == {"name": "made"}

    assert service.count("POST", "/terminus") == 3


def test_an_address_that_is_not_space_is_said(service: Any) -> None:
    keep(service.origin, fresh_for=600)
    service.answers["GET", "/me"] = lambda _: (200, [])

    with pytest.raises(SpaceError) as failure:
        whoami(service.origin)

    assert failure.value.code == "answer_invalid"
