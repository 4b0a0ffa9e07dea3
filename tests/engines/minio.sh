#!/usr/bin/env bash
# A MinIO on loopback: `minio.sh start DIR`, `minio.sh stop DIR`. The server is MINIO_BIN, or
# `minio` on PATH. Writes DIR/gateway.env. Needs a python3 with `minio` in it (PYTHON).
set -euo pipefail

action="$1" dir="$(mkdir -p "$2" && cd "$2" && pwd)"
port="${MINIO_PORT:-9100}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/server.sh"

stop() { stop_by "$dir/pid"; }

start() {
    local root id="gateway" secret admin="keys" admin_secret
    root="$(random_secret)" secret="$(random_secret)" admin_secret="$(random_secret)"
    MINIO_ROOT_USER=root MINIO_ROOT_PASSWORD="$root" \
        "${MINIO_BIN:-minio}" server "$dir/data" --quiet --address "127.0.0.1:$port" \
        --console-address 127.0.0.1:0 >"$dir/log" 2>&1 &
    echo $! >"$dir/pid"
    for _ in $(seq 300); do
        if curl -fs -o /dev/null "http://127.0.0.1:$port/minio/health/ready"; then
            "${PYTHON:-python3}" "$here/minio_setup.py" "127.0.0.1:$port" root "$root" "$id" "$secret" \
                "$here/../../deploy/minio/gateway-policy.json" "$admin" "$admin_secret"
            echo "127.0.0.1:$port root $root" >"$dir/admin"
            cat >"$dir/gateway.env" <<EOF
export CLOAKROOM_STORAGE__FLAVOR=minio
export CLOAKROOM_STORAGE__ENDPOINT=http://127.0.0.1:$port
export CLOAKROOM_STORAGE__ACCESS_KEY_ID=$id
export CLOAKROOM_STORAGE__SECRET_ACCESS_KEY=$secret
export CLOAKROOM_ACCESS_KEYS__ADMIN_ACCESS_KEY_ID=$admin
export CLOAKROOM_ACCESS_KEYS__ADMIN_SECRET_ACCESS_KEY=$admin_secret
EOF
            return
        fi
        sleep 0.1
    done
    echo "minio: no answer on port $port within 30 s; see $dir/log" >&2
    return 1
}

"$action"
