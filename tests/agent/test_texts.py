"""What restic and stores say, and what we make of it."""

import pytest

from agent.restic import messages, texts
from agent.restic.messages import ExitError, ItemError, Progress, Summary, Text
from agent.restic.texts import Trouble

RETRY = "Save(<data/e625c4d5d2>) returned error, retrying after 1.04s: "


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (RETRY + "Stat: The provided token has expired.", Trouble.KEYS_EXPIRED),
        (RETRY + "The AWS Access Key Id you provided does not exist in our records.", Trouble.KEYS_EXPIRED),
        (
            "Fatal: unable to open config file: Stat: The Access Key Id you provided does not exist",
            Trouble.KEYS_EXPIRED,
        ),
        ("Stat(<config/>) returned error, retrying after 1.28s: Stat: 400 Bad Request", Trouble.KEYS_EXPIRED),
        ("client.PutObject: Due to your account is arrears, it is unavailable until you recharge.", Trouble.ARREARS),
        (
            RETRY
            + "client.PutObject: Your backup storage is full. Raise your limit or delete a backup, then try again.",
            Trouble.OVER_LIMIT,
        ),
        (RETRY + "Access Denied.", Trouble.DENIED),
        (RETRY + "no space left on device", Trouble.STORE_FULL),
        (RETRY + "dial tcp 127.0.0.1:1: connect: connection refused", Trouble.STORE),
        (RETRY + "We encountered an internal error, please try again.", Trouble.STORE),
        ("Fatal: unable to open config file: dial tcp: lookup host: no such host", Trouble.STORE),
        ("Fatal: unable to save snapshot: write /tmp/restic-1: no space left on device", Trouble.DISK_FULL),
        ("Fatal: wrong password or no key found", Trouble.WRONG_PASSWORD),
        ("Fatal: create repository failed: Fatal: config file already exists", Trouble.REPOSITORY_EXISTS),
        (
            "Fatal: create key in repository at s3:x failed: repository already contains keys",
            Trouble.REPOSITORY_HALF_MADE,
        ),
        ("Fatal: config or key 1f is damaged: ciphertext verification failed", Trouble.KEY_MISMATCH),
        ("unable to create lock in backend: repository is already locked by PID 1", Trouble.LOCKED),
        ("path home/alice/file: not a directory", Trouble.NOT_IN_SNAPSHOT),
        ("path nope: not found", Trouble.NOT_IN_SNAPSHOT),
        ('Fatal: failed to find snapshot: no matching ID found for prefix "ab"', Trouble.NO_SNAPSHOT),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", Trouble.CERTIFICATE),
        ("Fatal: something else", None),
        ("", None),
    ],
)
def test_a_text_has_one_meaning(text: str, trouble: Trouble | None) -> None:
    assert texts.of_text(text) is trouble


def test_a_source_file_named_like_a_store_error_means_nothing() -> None:
    message = "open /home/alice/The provided token has expired: permission denied, no space left on device"

    assert texts.of_item(message, "archival") is None
    assert texts.of_item(message, "scan") is None
    assert texts.of_item("write /target/a: no space left on device", "restore") is Trouble.DISK_FULL


@pytest.mark.parametrize(
    ("message", "is_about_properties"),
    [
        ("lchown /target/a: operation not permitted", True),
        ("failed to set xattr user.x on /target/a", True),
        ("chmod /target/a: no such file or directory", False),
        ("decrypting blob <data/1> failed: ciphertext verification failed", False),
        ("open /target/a: permission denied", False),
    ],
)
def test_only_errors_about_properties_leave_a_restore_whole(message: str, is_about_properties: bool) -> None:
    assert texts.is_about_properties(message) is is_about_properties


def test_people_read_the_stores_words_alone() -> None:
    said = "Save(<data/e625c4d5d2>) failed: client.PutObject: Due to your account is arrears."
    assert texts.for_people(said) == "Due to your account is arrears."
    assert texts.for_people("Fatal: all gone\nIs there a repository at the following location?\nx") == "all gone"


def test_messages_are_typed_and_strange_lines_are_text() -> None:
    backing_up = b'{"message_type":"status","total_files":4,"files_done":2,"total_bytes":9,"bytes_done":5}'
    restoring = (
        b'{"message_type":"status","total_files":4,"files_restored":1,"files_skipped":1,'
        b'"total_bytes":9,"bytes_restored":2,"bytes_skipped":3}'
    )
    assert messages.parse(backing_up) == Progress(bytes_done=5, bytes_total=9, files_done=2, files_total=4)
    assert messages.parse(restoring) == Progress(
        bytes_done=5, bytes_total=9, files_done=2, files_total=4, bytes_written=2
    )
    assert messages.parse(b'{"message_type":"exit_error","code":12,"message":"Fatal: no\\n"}') == ExitError(
        12, "Fatal: no"
    )
    error = b'{"message_type":"error","error":{"message":"gone"},"during":"archival","item":"/a"}'
    assert messages.parse(error) == ItemError(item="/a", message="gone", during="archival")
    assert isinstance(messages.parse(b'{"message_type":"summary","snapshot_id":"1"}'), Summary)
    for line in (b"plain", b"{not json", b'{"message_type":"new"}', b'{"no":"type"}', b"\xff\xfe"):
        assert isinstance(messages.parse(line), Text)
