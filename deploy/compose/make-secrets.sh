#!/bin/sh
# Makes the secrets of docker-compose.yml in SECRETS: a folder (a volume there) for each service,
# readable by the user that it runs as. Existing secrets are kept. Where two services share a secret,
# a lost copy is restored from the other. TEMPLATES has the files of deploy/seaweedfs.
set -eu
secrets="${SECRETS:-/secrets}" templates="${TEMPLATES:-/templates}"

# The user ids that the images run as.
gateway=65532 keycloak=1000 minio=0 postgres=999 seaweedfs=1000

random() { head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# put OWNER FILE: writes standard input to a file, which gets its name when it is complete.
put() {
    mkdir -p "$(dirname "$secrets/$2")"
    (umask 077 && cat >"$secrets/$2.new")
    chown "$1" "$secrets/$2.new"
    chmod 0400 "$secrets/$2.new"
    # Otherwise a power cut could keep the name and lose the content.
    sync "$secrets/$2.new"
    mv "$secrets/$2.new" "$secrets/$2"
}

# Whether a file has more than white space or zeros.
is_filled() { grep -qs '[[:graph:]]' "$1"; }

# secret OWNER FILE [OWNER FILE]: the same secret in each file.
secret() {
    value=
    for file in "$2" "${4:-$2}"; do
        if [ -z "$value" ] && is_filled "$secrets/$file"; then value="$(cat "$secrets/$file")"; fi
    done
    value="${value:-$(random)}"
    while [ $# -gt 0 ]; do
        is_filled "$secrets/$2" || printf '%s\n' "$value" | put "$1" "$2"
        shift 2
    done
}

secret "$keycloak" keycloak/admin_password
secret "$keycloak" keycloak/oauth_client_secret "$gateway" gateway/oauth_client_secret
secret "$minio" minio/root_password
secret "$minio" minio/storage_secret_access_key "$gateway" gateway/storage_secret_access_key
secret "$minio" minio/access_keys_secret_access_key "$gateway" gateway/access_keys_secret_access_key
secret "$postgres" postgres/password "$gateway" gateway/database_password

# A certificate for PostgreSQL, which the gateway trusts for this one server.
if ! is_filled "$secrets/postgres/tls.key" || ! is_filled "$secrets/postgres/tls.pem"; then
    key="$(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)"
    printf '%s\n' "$key" | put "$postgres" postgres/tls.key
    certificate="$(openssl req -x509 -key "$secrets/postgres/tls.key" -days 3650 -config /dev/stdin <<END
[req]
prompt = no
distinguished_name = name
x509_extensions = server
[name]
CN = postgres
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:postgres
END
    )"
    printf '%s\n' "$certificate" | put "$postgres" postgres/tls.pem
fi
put "$gateway" gateway/postgres.pem <"$secrets/postgres/tls.pem"
printf 'postgres://cloakroom:%s@postgres/cloakroom?sslmode=verify-full&sslrootcert=%s\n' \
    "$(cat "$secrets/gateway/database_password")" /secrets/gateway/postgres.pem |
    put "$gateway" gateway/database_url

# fill TEMPLATE PLACEHOLDER TEXT [PLACEHOLDER TEXT]: the JSON file, with each text in its place.
fill() {
    template="$1" filled="$(cat "$templates/$1")"
    shift
    while [ $# -gt 0 ]; do
        before="${filled%%"$1"*}"
        if [ "$before" = "$filled" ] || [ -z "$2" ]; then
            echo "$template has no $1, or nothing is to replace it" >&2
            exit 1
        fi
        filled="$before$2${filled#*"$1"}"
        shift 2
    done
    printf '%s\n' "$filled" | put "$seaweedfs" "seaweedfs/$template"
}

# SeaweedFS reads its secrets from JSON. Whoever has the signing key can make tokens for any bucket.
secret "$seaweedfs" seaweedfs/signing_key
fill iam.json '"signingKey": ""' "\"signingKey\": \"$(cat "$secrets/seaweedfs/signing_key")\""
fill s3.json '${GATEWAY_SECRET}' "$(cat "$secrets/gateway/storage_secret_access_key")" \
    '${ACCESS_KEYS_SECRET}' "$(cat "$secrets/gateway/access_keys_secret_access_key")"
