"""The whole system on one machine: starting, ending, starting again, and what is said when it cannot."""

import asyncio
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from space_local.errors import AlreadyRunning, LocalError, PortTaken
from space_local.members import MEMBERS
from space_local.options import Options
from space_local.process import start_ticks
from space_local.system import System
from tests.support.larepass import LarePass

DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"


@contextmanager
def running(options: Options) -> Iterator[subprocess.Popen[str]]:
    """`make run`, as a process that can be killed."""
    started = time.time_ns()
    origin = options.home / "origin"
    process = subprocess.Popen(
        [sys.executable, "-m", "space_local", "run"],
        env=command_environment(options),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 90
        while not (origin.exists() and origin.stat().st_mtime_ns > started):
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=60)


def command(options: Options, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "space_local", *arguments],
        env=command_environment(options),
        capture_output=True,
        text=True,
        check=False,
    )


def command_environment(options: Options) -> dict[str, str]:
    return {
        **os.environ,
        "SPACE_HOME": str(options.home),
        "SPACE_ORIGIN_PORT": str(options.origin_port),
        "SPACE_STORE_PORT": str(options.store_port),
        "SPACE_ORIGIN": options.public_origin or "",
    }


def children(home: Path) -> dict[str, int]:
    return {file.stem: json.loads(file.read_text())["pid"] for file in (home / "run").glob("*.json")}


def command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def listening() -> list[str]:
    return subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout.splitlines()


def test_run_says_where_it_is_and_stop_ends_all_of_it(options: Options) -> None:
    with running(options) as process:
        origin = (options.home / "origin").read_text()
        assert origin == f"http://127.0.0.1:{options.origin_port}\n"
        assert httpx.get(f"{origin.strip()}/readyz").json() == {"status": "ready"}
        pids = children(options.home)
        assert {"postgres", "rabbitmq", "epmd", "services", "vault", "caddy"} == pids.keys()

        again = command(options, "run")
        assert again.returncode == 1
        assert f"already running (process {process.pid})" in again.stderr
        assert httpx.get(f"{origin.strip()}/readyz").status_code == 200

        assert command(options, "invite").stdout.startswith("spi_")
        bound = command(options, "invite", "--did", DID, "--name", "alice@olares.com")
        assert bound.stdout.startswith("spi_")
        assert f"{DID} as alice@olares.com" in bound.stdout
        for wrong in (("--did", DID), ("--name", "bob@olares.com"), ("--did", "did:web:x", "--name", "bob@olares.com")):
            refused = command(options, "invite", *wrong)
            assert refused.returncode == 1
            assert "Traceback" not in refused.stderr
        assert "0 set aside" in command(options, "dead-letters").stdout

        book = options.home / "prices.yaml"
        book.write_text("versions:\n  - name: summer\n    currency: XAU\n")
        refused = command(options, "prices", str(book))
        assert refused.returncode == 1
        assert f"{book}:3: XAU is not a currency" in refused.stderr
        owner_id = "11111111-2222-4333-8444-555555555555"
        assert command(options, "credit", owner_id, "5.00", "welcome").stdout.startswith(f"5.00 USD for {owner_id}")
        assert "not an amount of money" in command(options, "credit", owner_id, "0.001", "welcome").stderr

        assert command(options, "stop").returncode == 0
        assert process.wait(timeout=10) == 0
    assert not (options.home / "origin").exists()
    assert [pid for pid in pids.values() if start_ticks(pid) is not None] == []
    assert command(options, "status").returncode == 3


def test_run_says_the_public_origin_and_where_it_listens_itself(options: Options) -> None:
    with running(replace(options, public_origin="https://space.invalid/")) as process:
        assert (options.home / "origin").read_text() == "https://space.invalid\n"
        assert "at https://space.invalid\n" in command(options, "status").stdout
    assert process.stdout is not None


def test_a_killed_run_leaves_nothing_running_and_the_next_goes_on_with_its_data(options: Options) -> None:
    with running(options) as process:
        keys = httpx.get(f"http://127.0.0.1:{options.origin_port}/api/v1/auth/jwks.json").json()
        process.kill()
        process.wait()
        left = children(options.home)
    with running(options) as process:
        assert httpx.get(f"http://127.0.0.1:{options.origin_port}/api/v1/auth/jwks.json").json() == keys
        assert [name for name, pid in left.items() if start_ticks(pid) is not None] == []


def test_ctrl_c_while_it_starts_ends_what_had_started(options: Options) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "space_local", "run"],
        env=command_environment(options),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while "rabbitmq" not in children(options.home):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 130, output
    assert "Traceback" not in output
    assert children(options.home) == {}


async def test_a_taken_port_is_named_with_its_holder_and_a_way_out(options: Options) -> None:
    with socket.create_server(("127.0.0.1", options.origin_port)), pytest.raises(PortTaken) as raised:
        await System(options).start()
    assert f"Port {options.origin_port} is already in use by process {os.getpid()}" in str(raised.value)
    assert "SPACE_ORIGIN_PORT=" in str(raised.value)


async def test_two_systems_do_not_share_a_folder(system: System) -> None:
    with pytest.raises(AlreadyRunning):
        await System(system.options).start()


async def test_a_private_port_that_somebody_took_is_picked_again(options: Options) -> None:
    async with System(options):
        pass
    taken = json.loads((options.home / "ports.json").read_text())["postgres"]
    with socket.create_server(("127.0.0.1", taken)):
        async with System(options):
            assert json.loads((options.home / "ports.json").read_text())["postgres"] != taken


async def test_secrets_are_readable_by_their_owner_only(system: System) -> None:
    private = ["secrets.json", "identity-keys.json", "tls/ca.key", "tls/store.key", "vault/auth-proxy.json"]
    assert {name: oct((system.state / name).stat().st_mode & 0o777) for name in private} == dict.fromkeys(
        private, "0o600"
    )
    assert system.state.stat().st_mode & 0o077 == 0
    exposed = "".join(command_line(pid) for pid in children(system.state).values())
    secrets = json.loads((system.state / "secrets.json").read_text()).values()
    assert [value for value in secrets if value in exposed] == []


async def test_servers_listen_on_this_machine_only(system: System) -> None:
    own = {f"pid={pid}," for pid in children(system.state).values()}
    lines = await asyncio.to_thread(listening)
    addresses = {line.split()[3].rpartition(":")[0] for line in lines if any(pid in line for pid in own)}
    assert addresses <= {"127.0.0.1", "[::1]"}
    assert addresses


async def test_what_ends_by_itself_is_started_again(system: System) -> None:
    stop = asyncio.Event()
    watching = asyncio.create_task(system.watch(stop))
    for name in ("caddy", "services", "postgres"):
        before = system.servers[name].child.pid
        system.servers[name].kill()
        async with asyncio.timeout(60):
            while not system.servers[name].running or system.servers[name].child.pid == before:
                await asyncio.sleep(0.05)
        await system.until_ready()
    stop.set()
    await watching


async def test_each_role_can_be_a_process_of_its_own(options: Options) -> None:
    chosen = replace(options, processes=True)
    async with System(chosen) as system:
        roles = {f"{member.name}-{role}" for member in MEMBERS for role in ("api", "worker")}
        assert roles <= system.servers.keys()
        victim = system.servers["catalog-api"]
        victim.kill()
        async with httpx.AsyncClient(base_url=system.origin) as client:
            assert (await client.get("/api/v1/backups")).status_code == 503
            await victim.start()
            await system.until_ready()
            assert (await client.get("/api/v1/backups")).status_code == 401


async def test_with_a_host_for_others_the_origin_has_tls_too(options: Options) -> None:
    said: list[str] = []
    async with System(replace(options, host="space.invalid"), said.append) as system:
        assert [line.partition(" (")[0] for line in said] == [
            f"This machine does not reach itself at https://space.invalid:{options.origin_port}"
        ]
        assert system.origin == f"https://space.invalid:{options.origin_port}"
        trust = ssl.create_default_context(cafile=str(system.ca_file))
        async with httpx.AsyncClient(verify=trust) as client:
            answer = await client.get(
                f"https://127.0.0.1:{options.origin_port}/readyz", extensions={"sni_hostname": "space.invalid"}
            )
        assert answer.status_code == 200


async def test_behind_a_proxy_the_origin_is_the_public_one_and_clients_are_counted_apart(options: Options) -> None:
    chosen = replace(
        options,
        public_origin="https://space.invalid",
        trusted_proxies="127.0.0.1",
        settings={"IDENTITY_LIMITS__LOGINS_PER_MINUTE": "5"},
    )
    said: list[str] = []
    async with System(chosen, said.append) as system, httpx.AsyncClient(base_url=chosen.listening) as client:
        assert [line.partition(" (")[0] for line in said] == [
            "This machine does not reach itself at https://space.invalid"
        ]
        assert (system.origin, system.origin_file.read_text()) == ("https://space.invalid", "https://space.invalid\n")
        nonce = (await client.post("/api/v1/auth/nonces")).raise_for_status().json()
        assert nonce["audience"] == "https://space.invalid"
        # Not on loopback, so by invite.
        refused = await asyncio.to_thread(LarePass(chosen.listening).scan, "0" * 32)
        assert (refused.code, "needs an invite" in refused.message) == (403, True)

        async def codes(told: str) -> list[int]:
            sent = {"X-Forwarded-For": told}
            return [(await client.post("/v2/user/login", headers=sent)).json()["code"] for _ in range(15)]

        assert 429 in await codes("203.0.113.7")
        assert 429 not in (await codes("203.0.113.8"))[:1]


async def test_a_service_setting_of_the_environment_wins(options: Options) -> None:
    chosen = replace(options, settings={"IDENTITY_REGISTRATION": "nonsense"})
    with pytest.raises(LocalError, match="registration"):
        await System(chosen).start()


async def test_a_client_that_trusts_the_ca_reaches_the_store_by_every_name(system: System) -> None:
    trust = ssl.create_default_context(cafile=str(system.ca_file))
    async with httpx.AsyncClient(verify=trust) as client:
        for host in ("127.0.0.1", "localhost"):
            answer = await client.get(f"https://{host}:{system.options.store_port}/vault/x")
            assert answer.status_code == 403
            assert "<Code>AccessDenied</Code>" in answer.text


def test_destroy_says_what_would_be_lost_and_deletes_nothing_unasked(options: Options) -> None:
    store = options.home / "store"
    store.mkdir(parents=True)
    (store / "object").write_bytes(b"x" * 1000)
    refused = command(options, "destroy")
    assert refused.returncode == 1
    assert "holds 1 objects of backups" in refused.stdout
    assert (store / "object").exists()
    cleaned = command(options, "clean")
    assert cleaned.returncode == 0, cleaned.stderr
    assert (store / "object").exists()
    assert command(options, "destroy", "--yes").returncode == 0
    assert not options.home.exists()
