#!/usr/bin/env bash
# A single-node Ceph with an RGW on loopback: `ceph.sh start DIR`, `ceph.sh stop DIR`.
# Writes DIR/gateway.env: the gateway's own identity there. Debian packages: ceph-mon ceph-mgr
# ceph-osd radosgw ceph-common uuid-runtime jq.
set -euo pipefail

action="$1" dir="$(mkdir -p "$2" && cd "$2" && pwd)"
port="${CEPH_RGW_PORT:-7480}" mon="${CEPH_MON_PORT:-3300}" mon1="${CEPH_MON1_PORT:-6789}"
conf="$dir/ceph.conf"
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"

stop() {
    local daemon pid
    for daemon in rgw.r osd.0 mgr.x mon.a; do
        pid="$(cat "$dir/run/$daemon.pid" 2>/dev/null)" || continue
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
        kill -9 "$pid" 2>/dev/null || true
    done
}

write_conf() {
    cat >"$conf" <<EOF
[global]
fsid = $1
mon host = [v2:127.0.0.1:$mon,v1:127.0.0.1:$mon1]
mon initial members = a
public addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
mon allow pool size one = true
run dir = $dir/run
pid file = $dir/run/\$type.\$id.pid
admin socket = $dir/run/\$type.\$id.asok
log file = $dir/log/\$type.\$id.log
[mon]
mon data = $dir/mon
mon data avail crit = 0
[mgr]
mgr data = $dir/mgr
[osd]
osd data = $dir/osd
osd objectstore = bluestore
bluestore block create = true
bluestore block size = 8589934592
osd memory target = 939524096
[client.rgw.r]
rgw data = $dir/rgw
pid file = $dir/run/rgw.r.pid
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw_s3_auth_use_sts = true
# So that tests can see a session expire; the default is 900.
rgw_sts_min_session_duration = 1
rgw_sts_key = $(head -c 8 /dev/urandom | od -An -tx1 | tr -d ' \n')
ms mon client mode = crc
auth client required = none
EOF
}

start() {
    mkdir -p "$dir"/{run,log,mon,mgr,osd,rgw}
    local fsid osd
    fsid="$(uuidgen)" osd="$(uuidgen)"
    write_conf "$fsid"
    monmaptool --create --fsid "$fsid" \
        --addv a "[v2:127.0.0.1:$mon,v1:127.0.0.1:$mon1]" "$dir/monmap" >/dev/null
    ceph-mon -c "$conf" --mkfs -i a --monmap "$dir/monmap" --keyring /dev/null
    touch "$dir/mon/keyring"
    ceph-mon -c "$conf" --id a
    ceph-mgr -c "$conf" --id x
    ceph -c "$conf" osd new "$osd" >/dev/null
    ceph-osd -c "$conf" --id 0 --mkfs --osd-uuid "$osd" 2>/dev/null
    ceph-osd -c "$conf" --id 0 >/dev/null
    radosgw -c "$conf" -n client.rgw.r
    for _ in $(seq 600); do
        if curl -fs -o /dev/null "http://127.0.0.1:$port/"; then identity; return; fi
        sleep 0.1
    done
    echo "ceph: the gateway on port $port did not answer within 60 s; see $dir/log" >&2
    return 1
}

# user_of BLOCK: runs it, and prints the key and the secret of the user that it creates.
user_of() {
    (
        radosgw-admin() { command radosgw-admin -c "$conf" "$@" 2>/dev/null; }
        cd "$root"
        . "$dir/page/$1"
    ) >"$dir/page/output"
    jq -rn 'first(inputs) | .keys[0] | .access_key, .secret_key' "$dir/page/output"
}

# Runs the commands of docs/engines/ceph.md from the page itself.
identity() {
    local id secret admin admin_secret
    python3 "$root/tests/docs/blocks.py" "$root/docs/engines/ceph.md" "$dir/page"
    { read -r id; read -r secret; } < <(user_of ceph-gateway.sh)
    { read -r admin; read -r admin_secret; } < <(user_of ceph-access-keys.sh)
    cat >"$dir/gateway.env" <<EOF
export CLOAKROOM_STORAGE__FLAVOR=ceph
export CLOAKROOM_STORAGE__ENDPOINT=http://127.0.0.1:$port
export CLOAKROOM_STORAGE__ACCESS_KEY_ID=$id
export CLOAKROOM_STORAGE__SECRET_ACCESS_KEY=$secret
export CLOAKROOM_STORAGE__ROLE_ARN=arn:aws:iam:::role/gateway
export CLOAKROOM_ACCESS_KEYS__ADMIN_ACCESS_KEY_ID=$admin
export CLOAKROOM_ACCESS_KEYS__ADMIN_SECRET_ACCESS_KEY=$admin_secret
EOF
}

"$action"
