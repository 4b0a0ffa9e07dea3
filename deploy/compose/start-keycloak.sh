#!/bin/bash
# Keycloak with the realm of deploy/keycloak. Its administrator is `admin`; the password is in the
# volume keycloak-secrets.
set -euo pipefail
secrets="${SECRETS:-/secrets}/keycloak"
CLOAKROOM_OAUTH_CLIENT_SECRET="$(cat "$secrets/oauth_client_secret")"
KC_BOOTSTRAP_ADMIN_PASSWORD="$(cat "$secrets/admin_password")"
export CLOAKROOM_OAUTH_CLIENT_SECRET KC_BOOTSTRAP_ADMIN_PASSWORD KC_BOOTSTRAP_ADMIN_USERNAME=admin
exec "${KEYCLOAK_HOME:-/opt/keycloak}/bin/kc.sh" start-dev --import-realm "$@"
