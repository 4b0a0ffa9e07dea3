#!/usr/bin/env bash
# A SeaweedFS on loopback, its servers apart: `seaweedfs.sh start DIR`, `seaweedfs.sh stop DIR`. SEAWEEDFS_PORT
# is S3's; the other servers use the eleven ports after it. Writes DIR/gateway.env. `seaweedfs.sh loose DIR` starts one more S3
# server, whose users may make themselves key pairs, and prints its URL.
set -euo pipefail

action="$1" dir="$(mkdir -p "$2" && cd "$2" && pwd)"
port="${SEAWEEDFS_PORT:-8333}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../.." && pwd)"
. "$here/server.sh"
. "$here/binaries.sh"

# The servers' addresses, with the ports of HTTP and gRPC.
s3="127.0.0.1:$port.$((port + 1))"
master="127.0.0.1:$((port + 2)).$((port + 3))"
volume="127.0.0.1:$((port + 4)).$((port + 5))"
filer="127.0.0.1:$((port + 6)).$((port + 7))"
keys="127.0.0.1:$((port + 8)).$((port + 9))"
loose="127.0.0.1:$((port + 10)).$((port + 11))"

stop() {
    local server
    for server in loose keys s3 filer volume master; do stop_by "$dir/$server.pid"; done
}

# on ADDRESS: the options that let a server listen there.
on() {
    local ports="${1##*:}"
    echo "-port=${ports%.*} -port.grpc=${ports#*.}"
}

# Runs the servers of docs/engines/seaweedfs.md with other ports; the shell's output is a log.
weed() {
    local server="$1" options
    case "$1 $*" in
    shell*) "$weed" "$@" -master="$master" >"$dir/log.shell" 2>&1; return ;;
    master*) options="$(on "$master") -peers=none" ;;
    volume*) options="$(on "$volume") -master=$master -preStopSeconds=0" ;;
    filer*) options="$(on "$filer") -master=$master -localSocket=$dir/filer.sock" ;;
    *-iam.readOnly=false*-iam.self*) server=keys options="$(on "$keys") -filer=$filer -localSocket=$dir/keys.sock" ;;
    *-iam.readOnly=false*) server=loose options="$(on "$loose") -filer=$filer -localSocket=$dir/loose.sock" ;;
    s3*) options="$(on "$s3") -filer=$filer -localSocket=$dir/s3.sock" ;;
    esac
    echo "$BASHPID" >"$dir/$server.pid"
    exec "$weed" "$@" $options >"$dir/log.$server" 2>&1
}

# until_it_answers URL WORD: waits until the answer has the word.
until_it_answers() {
    for _ in $(seq 300); do
        if curl -s --cacert ca.pem --cert server.pem --key server-key.pem "$1" | grep -q "$2"; then return; fi
        sleep 0.1
    done
    echo "seaweedfs: no answer from $1 within 30 s; see $dir/log.*" >&2
    return 1
}

# Runs the commands of docs/engines/seaweedfs.md from the page itself.
start() {
    weed="$(engine_binary weed)"
    python3 "$root/tests/docs/blocks.py" "$root/docs/engines/seaweedfs.md" "$dir/page"
    ln -s "$root/deploy" "$dir/page/deploy"
    cd "$dir/page"
    random_secret >gateway-secret
    random_secret >access-keys-secret
    . ./seaweedfs-certificates.sh 2>"$dir/log.openssl"
    . ./seaweedfs-files.sh
    . ./seaweedfs-servers.sh
    . ./seaweedfs-access-keys.sh
    until_it_answers "https://${master%.*}/dir/status" PublicUrl
    for server in "$s3" "$keys"; do until_it_answers "http://${server%.*}/" AccessDenied; done
    . ./seaweedfs-buckets.sh
    printf '%s\n' "$weed" shell "-master=$master" >"$dir/shell"
    cat >"$dir/gateway.env" <<END
export CLOAKROOM_STORAGE__FLAVOR=seaweedfs
export CLOAKROOM_STORAGE__ENDPOINT=http://${s3%.*}
export CLOAKROOM_STORAGE__ACCESS_KEY_ID=gateway
export CLOAKROOM_STORAGE__SECRET_ACCESS_KEY=$(cat gateway-secret)
export CLOAKROOM_STORAGE__ROLE_ARN=arn:aws:iam::000000000000:role/gateway
export CLOAKROOM_ACCESS_KEYS__ENDPOINT=http://${keys%.*}
export CLOAKROOM_ACCESS_KEYS__ADMIN_ACCESS_KEY_ID=cloakroom-keys
export CLOAKROOM_ACCESS_KEYS__ADMIN_SECRET_ACCESS_KEY=$(cat access-keys-secret)
END
}

loose() {
    weed="$(engine_binary weed)"
    cd "$dir/page"
    weed s3 -ip.bind=127.0.0.1 -config=s3.json -iam.config=iam.json -iam.readOnly=false -port.iceberg=0 \
        -port.lance=0 &
    until_it_answers "http://${loose%.*}/" AccessDenied
    echo "http://${loose%.*}"
}

"$action"
