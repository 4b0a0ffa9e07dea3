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

# allow_addresses PORT: at the client swagger-ui, by the id that realm.json gives it.
allow_addresses() {
    local list
    list="$(printf ',"%s"' "${addresses[@]/%//swagger-ui/oauth2-redirect.html}")"
    until (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do sleep 1; done
    KC_CLI_PASSWORD="$KC_BOOTSTRAP_ADMIN_PASSWORD" "$home/bin/kcadm.sh" update \
        clients/d1e0d2bb-8c4c-4f0b-9c3d-5b8f2f0a6c55 --target-realm cloakroom \
        --no-config --server "http://127.0.0.1:$1" --realm master --user admin \
        --set "redirectUris=[${list:1}]" --set "webOrigins=[\"+\"]"
    echo "${addresses[*]}" >"$allowed"
}

if [ ! -d "$home/data/h2" ]; then
    echo "${addresses[*]}" >"$allowed"
elif [ "${addresses[*]}" != "$(<"$allowed")" ]; then
    allow_addresses "${KC_HTTP_PORT:-8080}" &
fi
exec "$home/bin/kc.sh" start-dev --import-realm "$@"
