#!/usr/bin/env bash
# A SeaweedFS on loopback, until tests/engines has one: `seaweedfs.sh start|stop DIR`.
set -euo pipefail
action="$1" dir="$(mkdir -p "$2" && cd "$2" && pwd)"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/../engines/server.sh"
port="${SEAWEEDFS_PORT:-8333}" weed="${WEED_BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/cloakroom/bin/weed}"

stop() { stop_by "$dir/pid"; }

start() {
    local secret
    secret="$(random_secret)"
    mkdir -p "$dir/data"
    cat >"$dir/s3.json" <<JSON
{"identities":[{"name":"gw","credentials":[{"accessKey":"gwkey","secretKey":"$secret"}],"actions":["Admin"]}]}
JSON
    cat >"$dir/iam.json" <<JSON
{"sts":{"tokenDuration":"1h","maxSessionLength":"12h","issuer":"seaweedfs-sts","signingKey":"$(head -c 32 /dev/urandom | base64)"},"policy":{"defaultEffect":"Deny"},
 "roles":[{"roleName":"gw","roleArn":"arn:aws:iam::000000000000:role/gw","trustPolicy":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:user/gw"},"Action":["sts:AssumeRole"]}]},"attachedPolicies":["all"]}],
 "policies":[{"name":"all","document":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*","arn:aws:s3:::*/*"]}]}}]}
JSON
    "$weed" server -dir="$dir/data" -ip=127.0.0.1 -master.port="$((port + 1))" -volume.port="$((port + 2))" \
        -filer.port="$((port + 3))" -master.volumeSizeLimitMB=64 -volume.max=0 \
        -s3 -s3.port="$port" -s3.config="$dir/s3.json" -s3.iam.config="$dir/iam.json" >"$dir/log" 2>&1 &
    echo $! >"$dir/pid"
    cat >"$dir/gateway.env" <<ENV
export CLOAKROOM_STORAGE__FLAVOR=generic
export CLOAKROOM_STORAGE__ENDPOINT=http://127.0.0.1:$port
export CLOAKROOM_STORAGE__ACCESS_KEY_ID=gwkey
export CLOAKROOM_STORAGE__SECRET_ACCESS_KEY=$secret
export CLOAKROOM_STORAGE__ROLE_ARN=arn:aws:iam::000000000000:role/gw
ENV
    for _ in $(seq 600); do
        if [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/")" = 403 ] &&
            curl -fs "http://127.0.0.1:$((port + 1))/cluster/status" | grep -q '"IsLeader":true' &&
            curl -fs "http://127.0.0.1:$((port + 1))/dir/status" | grep -q PublicUrl; then return; fi
        sleep 0.1
    done
    return 1
}

"$action"
