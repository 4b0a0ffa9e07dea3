#!/usr/bin/env bash
# A moto on loopback, which speaks AWS's IAM and S3 and checks no rights: `moto.sh start DIR`,
# `moto.sh stop DIR`. Writes DIR/gateway.env. Needs `moto_server` (MOTO_SERVER; PyPI: moto).
set -euo pipefail

action="$1" dir="$(mkdir -p "$2" && cd "$2" && pwd)"
port="${MOTO_PORT:-5100}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/server.sh"

stop() { stop_by "$dir/pid"; }

start() {
    "${MOTO_SERVER:-moto_server}" -H 127.0.0.1 -p "$port" >"$dir/log" 2>&1 &
    echo $! >"$dir/pid"
    for _ in $(seq 300); do
        if curl -fs -o /dev/null "http://127.0.0.1:$port/moto-api/"; then
            cat >"$dir/gateway.env" <<EOF
export CLOAKROOM_STORAGE__FLAVOR=generic
export CLOAKROOM_STORAGE__ENDPOINT=http://127.0.0.1:$port
export CLOAKROOM_STORAGE__ACCESS_KEY_ID=gateway
export CLOAKROOM_STORAGE__SECRET_ACCESS_KEY=$(random_secret)
export CLOAKROOM_ACCESS_KEYS__BROKER=iam
export CLOAKROOM_ACCESS_KEYS__ENDPOINT=http://127.0.0.1:$port
export CLOAKROOM_ACCESS_KEYS__ADMIN_ACCESS_KEY_ID=keys
export CLOAKROOM_ACCESS_KEYS__ADMIN_SECRET_ACCESS_KEY=$(random_secret)
EOF
            return
        fi
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
        sleep 0.1
    done
    echo "moto: no answer on port $port within 30 s; see $dir/log" >&2
    return 1
}

"$action"
