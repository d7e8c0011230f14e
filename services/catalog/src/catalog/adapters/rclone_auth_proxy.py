"""What rclone runs to learn an access key's secret and root (``rclone serve s3 --auth-proxy``).

Standard library only, because it starts once per key: ``python -I -S rclone_auth_proxy.py``. Reads ``{"user": key id}``
on standard input and answers with a backend's options on standard output. Where to ask is in the JSON file named by
``SPACE_AUTH_PROXY_CONFIG``: ``{"url": …, "credential": …}``.
"""

import json
import os
import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 10


def main() -> int:
    with open(os.environ["SPACE_AUTH_PROXY_CONFIG"]) as file:  # noqa: PTH123  (pathlib alone costs 10 ms a start)
        config = json.load(file)
    key_id = json.load(sys.stdin)["user"]
    request = urllib.request.Request(  # noqa: S310  (the URL is ours)
        config["url"] + "/internal/store/keys",
        data=json.dumps({"access_key_id": key_id}).encode(),
        headers={"Authorization": "Bearer " + config["credential"], "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            sys.stdout.write(answer.read().decode())
    except urllib.error.URLError as error:
        sys.stderr.write(f"catalog does not vouch for this key: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
