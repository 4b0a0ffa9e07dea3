#!/bin/sh
# A smoke test: `docker compose run --rm smoke`. Alice and bob get tokens from
# Keycloak and credentials from the gateway; each reaches their own bucket only. Needs curl.
set -eu
gateway="${GATEWAY_URL:-http://gateway:8080}" store="${STORE_URL:-http://store:9000}"
keycloak="${KEYCLOAK_URL:-http://keycloak:8080}"
file="$(mktemp)"
trap 'rm -f "$file"' EXIT

check() {
    [ "$2" = "$3" ] || { printf 'FAIL  %s: %s instead of %s\n' "$1" "$2" "$3"; exit 1; }
    printf 'ok    %s: %s\n' "$1" "$2"
}

# field NAME JSON
field() {
    value="${2#*\"$1\":\"}"
    [ "$value" != "$2" ] || { printf 'FAIL  no %s in the answer\n' "$1" >&2; exit 1; }
    printf '%s' "${value%%\"*}"
}

# sign_in USER: sets $bucket, and $signer, with which curl signs as this user.
sign_in() {
    answer="$(printf 'password=%s' "$1" | curl -sS "$keycloak/realms/cloakroom/protocol/openid-connect/token" \
        -d @- -d grant_type=password -d client_id=demo -d "username=$1" -d scope=com.cleverbase.storage)"
    token="$(field access_token "$answer")"
    answer="$(printf 'Authorization: Bearer %s' "$token" | curl -sS -X POST -H @- "$gateway/v1/credentials")"
    bucket="$(field bucket "$answer")" region="$(field region "$answer")"
    signer="$(printf 'user = "%s:%s"\nheader = "x-amz-security-token: %s"' \
        "$(field accessKeyId "$answer")" "$(field secretAccessKey "$answer")" "$(field sessionToken "$answer")")"
    printf 'ok    %s: a token from Keycloak, credentials for %s\n' "$1" "$bucket"
}

# s3 PATH OPTION…: the answer's status; its body goes to $file.
s3() {
    path="$1"
    shift
    printf '%s\n' "$signer" | curl -sS -K - -o "$file" -w '%{http_code}' --aws-sigv4 "aws:amz:$region:s3" \
        -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@" "$store/$path"
}

check "without a token" "$(curl -sS -o "$file" -w '%{http_code}' -X POST "$gateway/v1/credentials")" 401
sign_in bob
others="$bucket"
sign_in alice
check "alice puts a file" "$(s3 "$bucket/smoke.txt" -X PUT --data-binary hello)" 200
check "alice gets it" "$(s3 "$bucket/smoke.txt")" 200
check "what is in it" "$(cat "$file")" hello
check "alice lists her bucket" "$(s3 "$bucket/?list-type=2")" 200
check "alice lists bob's bucket" "$(s3 "$others/?list-type=2")" 403
check "alice puts a file there" "$(s3 "$others/smoke.txt" -X PUT --data-binary hello)" 403
check "alice deletes hers" "$(s3 "$bucket/smoke.txt" -X DELETE)" 204
