#!/usr/bin/env bash
# Prints an access token of a user of deploy/keycloak's realm: `keycloak_token.sh ISSUER USER [CLIENT]`.
set -euo pipefail
curl -fsS "$1/protocol/openid-connect/token" -d grant_type=password -d "client_id=${3:-demo}" \
    -d "username=$2" -d "password=$2" -d scope=com.cleverbase.storage |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'
