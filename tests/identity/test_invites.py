"""Invites: anybody's who holds one, or one DID's, by one name."""

import pytest

from tests.identity.support import Harness, Person, Space, code_of
from tests.support.running import OPERATOR

NAME = "alice@olares.com"
DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"


@pytest.mark.parametrize(
    "body",
    [
        {"did": DID},
        {"olares_name": NAME},
        {"did": "did:web:example.com", "olares_name": NAME},
        {"did": "did:key:z6Mk", "olares_name": NAME},
        {"did": "", "olares_name": ""},
        {"did": DID, "olares_name": "alice"},
        {"did": DID, "olares_name": "x@did.alt"},
        {"did": DID, "olares_name": None},
    ],
    ids=str,
)
async def test_an_invite_names_a_did_and_a_name_or_neither(space: Space, body: dict[str, str | None]) -> None:
    answer = await space.client(app=space.inside).post(
        "/internal/invites", json=body, headers={"Authorization": f"Bearer {OPERATOR}"}
    )
    assert code_of(answer) == "422 request_invalid"
    assert await space.rows("SELECT 1 FROM invites") == []


async def test_who_needs_no_invite_gets_none(space: Space) -> None:
    alice = await space.register(NAME)
    for did, name, code in (
        (alice.person.did, "new@olares.com", "409 device_known"),
        (Person().did, NAME, "409 olares_name_taken"),
    ):
        answer = await space.client(app=space.inside).post(
            "/internal/invites",
            json={"did": did, "olares_name": name},
            headers={"Authorization": f"Bearer {OPERATOR}"},
        )
        assert code_of(answer) == code


async def test_natively_a_bound_invite_is_good_for_its_did_and_its_name_only(open_space: Harness) -> None:
    space, person = await open_space(registration="invite"), Person()
    invite = await space.invite(did=person.did, olares_name=NAME)
    refused = "403 invite_invalid"
    assert code_of(await space.log_in(Person(), olares_name=NAME, invite=invite)) == refused
    assert code_of(await space.log_in(person, olares_name="other@olares.com", invite=invite)) == refused
    assert (await space.log_in(person, olares_name=NAME, invite=invite)).status_code == 200
    [(used,)] = await space.rows("SELECT used_at IS NOT NULL FROM invites")
    assert used


async def test_natively_a_bound_invite_must_still_be_shown(open_space: Harness) -> None:
    space, person = await open_space(registration="invite"), Person()
    await space.invite(did=person.did, olares_name=NAME)
    assert code_of(await space.log_in(person, olares_name=NAME)) == "403 invite_required"
