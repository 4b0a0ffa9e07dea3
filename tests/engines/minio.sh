#!/usr/bin/env bash
# A MinIO on loopback: `minio.sh start DIR`, `minio.sh stop DIR`. MINIO_BIN, with `mc` beside it, is the
# server; without it Go builds both. Writes DIR/gateway.env.
set -euo pipefail

action="$1" dir="$(mkdir -p "$2" && cd "$2" && pwd)"
port="${MINIO_PORT:-9100}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
. "$here/server.sh"
. "$here/binaries.sh"

stop() { stop_by "$dir/pid"; }

# Runs the commands of docs/engines/minio.md from the page itself.
users() {
    python3 "$root/tests/docs/blocks.py" "$root/docs/engines/minio.md" "$dir/page"
    ln -s "$root/deploy" "$dir/page/deploy"
    random_secret >"$dir/page/gateway-secret"
    random_secret >"$dir/page/access-keys-secret"
    (
        mc() { "$mc" --quiet --config-dir "$dir/mc" "$@"; }
        cd "$dir/page"
        mc alias set store "http://127.0.0.1:$port" root <"$dir/root"
        . ./minio-gateway.sh
        . ./minio-access-keys.sh
    ) >>"$dir/log" 2>&1
}

start() {
    local minio mc
    minio="$(engine_binary minio)"
    mc="$(engine_binary mc)"
    random_secret >"$dir/root"
    MINIO_ROOT_USER=root MINIO_ROOT_PASSWORD="$(cat "$dir/root")" \
        "$minio" server "$dir/data" --quiet --address "127.0.0.1:$port" \
        --console-address 127.0.0.1:0 >"$dir/log" 2>&1 &
    echo $! >"$dir/pid"
    for _ in $(seq 300); do
        if curl -fs -o /dev/null "http://127.0.0.1:$port/minio/health/ready"; then
            users
            echo "127.0.0.1:$port root $(cat "$dir/root")" >"$dir/admin"
            cat >"$dir/gateway.env" <<EOF
export CLOAKROOM_STORAGE__FLAVOR=minio
export CLOAKROOM_STORAGE__ENDPOINT=http://127.0.0.1:$port
export CLOAKROOM_STORAGE__ACCESS_KEY_ID=gateway
export CLOAKROOM_STORAGE__SECRET_ACCESS_KEY=$(cat "$dir/page/gateway-secret")
export CLOAKROOM_ACCESS_KEYS__ADMIN_ACCESS_KEY_ID=cloakroom-keys
export CLOAKROOM_ACCESS_KEYS__ADMIN_SECRET_ACCESS_KEY=$(cat "$dir/page/access-keys-secret")
EOF
            return
        fi
        sleep 0.1
    done
    echo "minio: no answer on port $port within 30 s; see $dir/log" >&2
    return 1
}

"$action"
