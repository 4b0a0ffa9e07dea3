#!/usr/bin/env bash
# A Keycloak on loopback with the realm of deploy/keycloak: `keycloak.sh start DIR`,
# `keycloak.sh stop DIR`. Writes DIR/gateway.env. Needs Maven (fetches the distribution once, into
# the home folder's cache; `keycloak.sh fetch DIR` does no more), unzip and a JDK 17 or later.
set -euo pipefail

action="$1" dir="$(mkdir -p "$2" && cd "$2" && pwd)"
port="${KEYCLOAK_PORT:-8180}" version="26.7.5"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/cloakroom/keycloak"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/server.sh"
realm="$here/../../deploy/keycloak/realm.json"

stop() { stop_by "$dir/pid"; }

archive="$cache/keycloak-quarkus-dist-$version.zip"

fetch() {
    mkdir -p "$cache"
    [ -f "$archive" ] || mvn -q dependency:copy -DoutputDirectory="$cache" \
        -Dartifact="org.keycloak:keycloak-quarkus-dist:$version:zip"
}

start() {
    local home="$dir/keycloak-$version" secret admin
    secret="$(random_secret)" admin="$(random_secret)"
    fetch
    unzip -q "$archive" -d "$dir"
    mkdir -p "$home/data/import"
    cp "$realm" "$home/data/import/"
    mkdir -p "$dir/secrets/keycloak"
    echo "$secret" >"$dir/secrets/keycloak/oauth_client_secret"
    echo "$admin" >"$dir/secrets/keycloak/admin_password"
    # As docker-compose.yml starts it.
    SECRETS="$dir/secrets" KEYCLOAK_HOME="$home" JAVA_OPTS_APPEND="-Xmx768m" \
        KC_HOSTNAME="http://127.0.0.1:$port" KC_HOSTNAME_BACKCHANNEL_DYNAMIC=true \
        KC_PROXY_HEADERS=xforwarded CLOAKROOM_PUBLIC_URL="http://127.0.0.1:${GATEWAY_PORT:-8090}" \
        CLOAKROOM_OTHER_URL="http://localhost:${GATEWAY_PORT:-8090}" \
        "$here/../../deploy/compose/start-keycloak.sh" --http-port="$port" --http-host=127.0.0.1 \
        >"$dir/log" 2>&1 &
    echo $! >"$dir/pid"
    local issuer="http://127.0.0.1:$port/realms/cloakroom"
    for _ in $(seq 1800); do
        if curl -fs -o /dev/null "$issuer/.well-known/openid-configuration"; then
            cat >"$dir/gateway.env" <<EOF
export CLOAKROOM_OAUTH__ISSUER=$issuer
export CLOAKROOM_OAUTH__CLIENT_ID=cloakroom
export CLOAKROOM_OAUTH__CLIENT_SECRET=$secret
export CLOAKROOM_HTTP__LOGIN_CLIENT_ID=terminal
export KEYCLOAK_ADMIN_PASSWORD=$admin
EOF
            return
        fi
        kill -0 "$(cat "$dir/pid")" 2>/dev/null || break
        sleep 0.1
    done
    echo "keycloak: no answer on port $port; see $dir/log" >&2
    return 1
}

"$action"
