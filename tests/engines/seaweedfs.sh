#!/usr/bin/env bash
# A SeaweedFS on loopback, its servers apart: `seaweedfs.sh start DIR`, `seaweedfs.sh stop DIR`. SEAWEEDFS_PORT
# is S3's; the other servers use the seven ports after it. Writes DIR/gateway.env.
set -euo pipefail

action="$1" dir="$(mkdir -p "$2" && cd "$2" && pwd)"
port="${SEAWEEDFS_PORT:-8333}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
. "$here/server.sh"
. "$here/binaries.sh"

# The servers' addresses, with the ports of HTTP and gRPC.
master="127.0.0.1:$((port + 2)).$((port + 3))"
volume="127.0.0.1:$((port + 4)).$((port + 5))"
filer="127.0.0.1:$((port + 6)).$((port + 7))"

stop() {
    local server
    for server in s3 filer volume master; do stop_by "$dir/$server.pid"; done
}

# on ADDRESS: the options that let a server listen there.
on() {
    local ports="${1##*:}"
    echo "-port=${ports%.*} -port.grpc=${ports#*.}"
}

# Runs the commands of docs/engines/seaweedfs.md from the page itself, with other ports.
servers() {
    python3 "$root/tests/docs/blocks.py" "$root/docs/engines/seaweedfs.md" "$dir/page"
    ln -s "$root/deploy" "$dir/page/deploy"
    weed() {
        local ports
        case "$1" in
        shell) "$weed" "$@" -master="$master" >"$dir/log.shell" 2>&1; return ;;
        master) ports="$(on "$master")" ;;
        volume) ports="$(on "$volume") -master=$master -preStopSeconds=0" ;;
        filer) ports="$(on "$filer") -master=$master -localSocket=$dir/filer.sock" ;;
        s3) ports="-port=$port -port.grpc=$((port + 1)) -filer=$filer -localSocket=$dir/s3.sock" ;;
        esac
        echo "$BASHPID" >"$dir/$1.pid"
        exec "$weed" "$@" $ports 2>"$dir/log.$1"
    }
    weed="$(engine_binary weed)"
    cd "$dir/page"
    random_secret >gateway-secret
    . ./seaweedfs-files.sh
    . ./seaweedfs-servers.sh
}

start() {
    servers
    for _ in $(seq 300); do
        if curl -fs -o /dev/null "http://127.0.0.1:$port/status" &&
            curl -fs "http://${master%.*}/dir/status" | grep -q PublicUrl; then
            . ./seaweedfs-buckets.sh
            cat >"$dir/gateway.env" <<END
export CLOAKROOM_STORAGE__FLAVOR=generic
export CLOAKROOM_STORAGE__ENDPOINT=http://127.0.0.1:$port
export CLOAKROOM_STORAGE__ACCESS_KEY_ID=gateway
export CLOAKROOM_STORAGE__SECRET_ACCESS_KEY=$(cat "$dir/page/gateway-secret")
export CLOAKROOM_STORAGE__ROLE_ARN=arn:aws:iam::000000000000:role/gateway
END
            return
        fi
        sleep 0.1
    done
    echo "seaweedfs: no answer on port $port within 30 s; see $dir/log.*" >&2
    return 1
}

"$action"
