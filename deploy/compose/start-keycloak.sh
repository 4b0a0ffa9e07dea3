#!/bin/bash
# Keycloak with the realm of deploy/keycloak. Its administrator is `admin`; the password is in the
# volume keycloak-secrets.
set -euo pipefail
secrets="${SECRETS:-/secrets}/keycloak" home="${KEYCLOAK_HOME:-/opt/keycloak}"
CLOAKROOM_OAUTH_CLIENT_SECRET="$(<"$secrets/oauth_client_secret")"
KC_BOOTSTRAP_ADMIN_PASSWORD="$(<"$secrets/admin_password")"
export CLOAKROOM_OAUTH_CLIENT_SECRET KC_BOOTSTRAP_ADMIN_PASSWORD KC_BOOTSTRAP_ADMIN_USERNAME=admin

# The realm is imported once and then kept; the gateway's addresses (GATEWAY_PORT) may change.
addresses=("$CLOAKROOM_PUBLIC_URL" "${CLOAKROOM_OTHER_URL:-$CLOAKROOM_PUBLIC_URL}")
allowed="$home/data/allowed-addresses"

# allow_addresses PORT: at the clients of the pages, by the ids that realm.json gives them.
allow_addresses() {
    until (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do sleep 1; done
    allow "$1" d1e0d2bb-8c4c-4f0b-9c3d-5b8f2f0a6c55 swagger-ui/oauth2-redirect.html
    # A realm of an earlier release has no console.
    allow "$1" 0b8a2f0c-6a51-4d0e-9c35-7f4f4f6f3c21 console/ || echo "the client console was not updated" >&2
    echo "${addresses[*]}" >"$allowed"
}

# allow PORT CLIENT PATH: the page at each address.
allow() {
    local list
    list="$(printf ',"%s"' "${addresses[@]/%//$3}")"
    KC_CLI_PASSWORD="$KC_BOOTSTRAP_ADMIN_PASSWORD" "$home/bin/kcadm.sh" update \
        "clients/$2" --target-realm cloakroom \
        --no-config --server "http://127.0.0.1:$1" --realm master --user admin \
        --set "redirectUris=[${list:1}]" --set "webOrigins=[\"+\"]"
}

if [ ! -d "$home/data/h2" ]; then
    echo "${addresses[*]}" >"$allowed"
elif [ "${addresses[*]}" != "$(<"$allowed")" ]; then
    allow_addresses "${KC_HTTP_PORT:-8080}" &
fi
exec "$home/bin/kc.sh" start-dev --import-realm "$@"
