"""Checking a backup password against restic's key files on this machine, before anything else is asked of anybody.

A key file is the repository's master key sealed with a key derived from the password by scrypt. The derived 64 bytes
are an AES-256 key (32), then the Poly1305-AES pair k (16) and r (16); `data` is a 16 byte IV, the ciphertext and a
16 byte MAC over the ciphertext (restic's design document, "Keys, Encryption and MAC").
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.poly1305 import Poly1305

# The first three are what the service and the console refuse too; the other two bound their product, because
# N = 2^20 with r = 16 alone is 2 GiB and p = 16 on top is minutes.
MAX_N = 2**20
MAX_R = 16
MAX_P = 16
MAX_MEMORY_BYTES = 2**30
MAX_WORK = 2**26

MAX_FILE_BYTES = 64 * 1024
MAX_FILES = 64
MIN_SALT_BYTES = 8
MAX_SALT_BYTES = 1024
IV_BYTES = 16
MAC_BYTES = 16


class BadKeyFile(ValueError):
    """The file is not a restic key file, or asks for more work than an honest one would."""


@dataclass(frozen=True)
class KeyFile:
    """A key file as restic stores it: `name` is the object's name in `keys/`, which restic calls the key's id."""

    name: str
    n: int
    r: int
    p: int
    salt: bytes
    iv: bytes
    ciphertext: bytes
    mac: bytes

    @classmethod
    def parse(cls, name: str, content: bytes) -> Self:
        """Read a key file.

        Raises:
            BadKeyFile: Truncated, not JSON, another derivation than scrypt, or parameters out of bounds.
        """
        if len(content) > MAX_FILE_BYTES:
            raise BadKeyFile(f"{len(content)} bytes are too many for a key file")
        try:
            fields = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise BadKeyFile("not JSON") from error
        if not isinstance(fields, dict) or fields.get("kdf") != "scrypt":
            raise BadKeyFile("not a key file with scrypt")
        n, r, p = (_integer(fields.get(field), field) for field in ("N", "r", "p"))
        _check_cost(n, r, p)
        salt = _decode(fields.get("salt"), "salt")
        if not MIN_SALT_BYTES <= len(salt) <= MAX_SALT_BYTES:
            raise BadKeyFile(f"a salt of {len(salt)} bytes")
        sealed = _decode(fields.get("data"), "data")
        if len(sealed) <= IV_BYTES + MAC_BYTES:
            raise BadKeyFile(f"a sealed key of {len(sealed)} bytes")
        return cls(
            name=name,
            n=n,
            r=r,
            p=p,
            salt=salt,
            iv=sealed[:IV_BYTES],
            ciphertext=sealed[IV_BYTES:-MAC_BYTES],
            mac=sealed[-MAC_BYTES:],
        )

    def opens_with(self, password: bytes) -> bool:
        """Whether the password unseals this key; one scrypt, about half a second and 32 MB with restic's parameters."""
        derived = hashlib.scrypt(
            password,
            salt=self.salt,
            n=self.n,
            r=self.r,
            p=self.p,
            # OpenSSL counts its work areas against the bound too.
            maxmem=128 * self.r * (self.n + self.p + 2) + 2**20,
            dklen=64,
        )
        k, r = derived[32:48], derived[48:64]
        # One AES block: Poly1305-AES encrypts the nonce (here the IV) with k to get its pad.
        block = Cipher(algorithms.AES(k), modes.ECB()).encryptor()  # noqa: S305
        pad = block.update(self.iv) + block.finalize()
        try:
            Poly1305.verify_tag(r + pad, self.ciphertext, self.mac)
        except InvalidSignature:
            return False
        return True


def matching(key_files: Iterable[KeyFile], password: bytes) -> KeyFile | None:
    """The first key file that the password opens, or None."""
    return next((key_file for key_file in key_files if key_file.opens_with(password)), None)


def parse_all(files: Iterable[tuple[str, bytes]]) -> list[KeyFile]:
    """The usable ones among a repository's key files, each given as name and content.

    Raises:
        BadKeyFile: There are files, and none is usable; the message is the last file's.
    """
    usable = []
    fault: BadKeyFile | None = None
    for name, content in list(files)[:MAX_FILES]:
        try:
            usable.append(KeyFile.parse(name, content))
        except BadKeyFile as error:
            fault = error
    if fault is not None and not usable:
        raise fault
    return usable


def _check_cost(n: int, r: int, p: int) -> None:
    if not 2 <= n <= MAX_N or n & (n - 1):
        raise BadKeyFile(f"scrypt N = {n}")
    if not 1 <= r <= MAX_R:
        raise BadKeyFile(f"scrypt r = {r}")
    if not 1 <= p <= MAX_P:
        raise BadKeyFile(f"scrypt p = {p}")
    if 128 * n * r > MAX_MEMORY_BYTES or n * r * p > MAX_WORK:
        raise BadKeyFile(f"scrypt N = {n}, r = {r}, p = {p} together")


def _integer(value: object, field: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadKeyFile(f"scrypt {field} is not a number")
    return value


def _decode(value: object, field: str) -> bytes:
    if not isinstance(value, str):
        raise BadKeyFile(f"no {field}")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError as error:
        raise BadKeyFile(f"{field} is not base64") from error
