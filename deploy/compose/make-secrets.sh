#!/bin/sh
# Makes the secrets of docker-compose.yml, once: a folder (there: a volume) for each service, readable
# by the user that it runs as. SECRETS is where they go.
set -eu
secrets="${SECRETS:-/secrets}"

# The user ids that the images run as.
gateway=65532 keycloak=1000 postgres=999

random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# put OWNER FILE VALUE: a new file is whole before it has its name.
put() {
    mkdir -p "$(dirname "$secrets/$2")"
    printf '%s\n' "$3" >"$secrets/$2.new"
    chmod 0400 "$secrets/$2.new"
    chown "$1" "$secrets/$2.new"
    mv "$secrets/$2.new" "$secrets/$2"
}

# The last one to be written says that all are there.
if [ -f "$secrets/gateway/made" ]; then exit 0; fi

client="$(random)" storage="$(random)" database="$(random)"
put "$gateway" gateway/oauth_client_secret "$client"
put "$keycloak" keycloak/oauth_client_secret "$client"
put "$gateway" gateway/storage_secret_access_key "$storage"
put 0 minio/storage_secret_access_key "$storage"
put 0 minio/root_password "$(random)"
put "$gateway" gateway/database_url "postgres://cloakroom:$database@postgres/cloakroom"
put "$postgres" postgres/password "$database"
put "$keycloak" keycloak/admin_password "$(random)"
put "$gateway" gateway/made ""
