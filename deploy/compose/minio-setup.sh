#!/bin/sh
# The gateway's user on MinIO and its policy. Can be run again. SECRETS, POLICY and MINIO_URL say
# where things are.
set -eu
secrets="${SECRETS:-/secrets}/minio" policy="${POLICY:-/gateway-policy.json}"

# mc reads a secret that is no argument from standard input.
mc alias set store "$MINIO_URL" root <"$secrets/root_password" >/dev/null
mc admin user add store gateway <"$secrets/storage_secret_access_key"
mc admin policy create store cloakroom-gateway "$policy"
# Attaching what is attached is an error.
mc admin policy attach store cloakroom-gateway --user gateway ||
    mc admin user info store gateway | grep -q cloakroom-gateway
