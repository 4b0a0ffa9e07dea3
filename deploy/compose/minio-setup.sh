#!/bin/sh
# The gateway's two users on MinIO and their policies: one opens sessions, one makes access keys. Then the
# gateway's configuration for MinIO.
# Can be run again. SECRETS and POLICIES are folders, MINIO_URL is the store. The image has neither
# grep nor sed.
set -eu
secrets="${SECRETS:-/secrets}/minio" policies="${POLICIES:-/policies}"

# user NAME SECRET POLICY FILE: mc reads the secret from standard input if it is not an argument.
user() {
    mc admin user add store "$1" <"$secrets/$2" &&
        mc admin policy create store "$3" "$policies/$4" &&
        mc admin policy attach store "$3" --user "$1"
}

setup() {
    mc alias set store "$MINIO_URL" root <"$secrets/root_password" &&
        user gateway storage_secret_access_key cloakroom-gateway gateway-policy.json &&
        user cloakroom-keys access_keys_secret_access_key cloakroom-keys access-keys-policy.json
}

# After `docker compose restart` MinIO may not be ready yet.
tries=0
until output="$(setup 2>&1)"; do
    tries=$((tries + 1))
    if [ "$tries" -ge 30 ]; then
        printf '%s\nMinIO at %s could not be set up within a minute.\n' "$output" "$MINIO_URL" >&2
        exit 1
    fi
    sleep 2
done
/bin/sh /configure-gateway.sh
echo "MinIO at $MINIO_URL has the users gateway and cloakroom-keys."
