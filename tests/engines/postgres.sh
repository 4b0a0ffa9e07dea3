#!/usr/bin/env bash
# A PostgreSQL on loopback: `postgres.sh start DIR`, `postgres.sh stop DIR`, `postgres.sh crash DIR`, and
# `postgres.sh again DIR` to restart a stopped one. Writes DIR/gateway.env. `postgres.sh standby DIR` starts one that
# follows that of CLOAKROOM_DATABASE__URL, `postgres.sh promote DIR` makes it a primary.
# Debian package: postgresql.
set -euo pipefail

action="$1" dir="$(mkdir -p "$2" && cd "$2" && pwd)"
port="${POSTGRES_PORT:-5433}"
bin="$(dirname "$(find /usr/lib/postgresql -name initdb 2>/dev/null | sort -V | tail -n 1)")"

# PostgreSQL refuses to run as root.
as_user() {
    if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

stop() {
    [ -f "$dir/data/postmaster.pid" ] || return 0
    as_user "$bin/pg_ctl" -D "$dir/data" -m fast -w stop >/dev/null || true
}

again() {
    as_user "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" \
        -o "${POSTGRES_OPTIONS:-} -p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$dir" start >/dev/null
}

start() {
    local password
    password="$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')"
    printf '%s\n' "$password" >"$dir/password"
    if [ "$(id -u)" = 0 ]; then chown -R postgres "$dir"; fi
    as_user "$bin/initdb" -D "$dir/data" -U cloakroom --auth=scram-sha-256 \
        --pwfile="$dir/password" >/dev/null
    again
    PGPASSWORD="$password" "$bin/createdb" -h 127.0.0.1 -p "$port" -U cloakroom cloakroom
    echo "export CLOAKROOM_DATABASE__URL=postgres://cloakroom:$password@127.0.0.1:$port/cloakroom" \
        >"$dir/gateway.env"
}

crash() { as_user "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null; }

standby() {
    if [ "$(id -u)" = 0 ]; then chown postgres "$dir"; fi
    as_user "$bin/pg_basebackup" -d "$CLOAKROOM_DATABASE__URL" -D "$dir/data" -c fast -R -X stream
    again
}

promote() { as_user "$bin/pg_ctl" -D "$dir/data" -w promote >/dev/null; }

"$action"
