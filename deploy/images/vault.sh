#!/bin/sh
# The vault in a container: rclone, which asks catalog about every access key. SPACE_CATALOG_URL is catalog's internal
# listener, SPACE_VAULT_CREDENTIAL what catalog knows the vault by; the program is told by a file, not by its arguments.
set -eu
umask 077
cd /tmp
printf '{"url": "%s", "credential": "%s"}\n' "$SPACE_CATALOG_URL" "$SPACE_VAULT_CREDENTIAL" >auth-proxy.json
unset SPACE_VAULT_CREDENTIAL
export HOME=/tmp SPACE_AUTH_PROXY_CONFIG=/tmp/auth-proxy.json
# Why these options: deploy/local/src/space_local/vault.py. rclone splits --auth-proxy at blanks.
exec rclone serve s3 \
    --addr=0.0.0.0:9000 \
    "--auth-proxy=python3 -I -S /usr/local/lib/space/rclone_auth_proxy.py" \
    --dir-cache-time=1ms \
    --vfs-cache-mode=off \
    --etag-hash= \
    --no-unicode-normalization \
    --no-cleanup \
    --config=/tmp/rclone.conf \
    --cache-dir=/tmp/cache \
    --log-level=NOTICE
