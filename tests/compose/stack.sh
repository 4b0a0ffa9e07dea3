# Sourced by `run`: how people, operators and their tools use the stack.

compose() { docker compose --project-directory "$root" --file "$root/docker-compose.yml" "$@"; }

# urls: sets the addresses after a change of the ports.
urls() {
    gateway="http://localhost:${GATEWAY_PORT:-8080}"
    keycloak="http://localhost:${KEYCLOAK_PORT:-8180}"
}

container() { docker ps --all --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" \
    --filter "label=com.docker.compose.service=$1" --filter label=com.docker.compose.oneoff=False; }
state() { docker inspect --format "$2" "$(container "$1")"; }
volumes() { docker volume ls --quiet | sort; }

# healthy WHAT SECONDS: waits until every service that keeps running is healthy.
healthy() {
    local began="$SECONDS" service waiting
    while :; do
        waiting=""
        for service in $engine keycloak postgres gateway; do
            [ "$(state "$service" '{{.State.Health.Status}}' 2>/dev/null)" = healthy ] || waiting+=" $service"
        done
        [ -n "$waiting" ] || break
        if [ $((SECONDS - began)) -ge "$2" ]; then
            fail "$1: not healthy within $2 s:$waiting"
            compose ps --all
            compose logs --tail 15$waiting
            return 1
        fi
        sleep 0.5
    done
    ok "$1: all healthy after $((SECONDS - began)) s"
}

# up WHAT SECONDS
up() {
    local began="$SECONDS"
    if ! compose up --detach >"$work/up" 2>&1; then
        fail "$1"
        tail -n 20 "$work/up"
        compose ps --all
        compose logs --tail 15
        return 1
    fi
    urls
    healthy "$1 ($((SECONDS - began)) s)" "$2"
}

token() {
    printf 'password=%s' "$1" | inside curl -fsS "$keycloak/realms/cloakroom/protocol/openid-connect/token" \
        -d @- -d grant_type=password -d client_id=demo -d "username=$1" -d scope=com.cleverbase.storage |
        jq -r .access_token
}

subject() { token "$1" | cut -d . -f 2 | tr '_-' '/+' | base64 -d 2>/dev/null | jq -r .sub; }

# What is healthy may still be late with its first answer, which is a 502 then.
again=(--retry 5 --retry-delay 1)

# credentials USER: prints the gateway's answer.
credentials() {
    printf 'Authorization: Bearer %s' "$(token "$1")" |
        inside curl -fsS "${again[@]}" -X POST -H @- "$gateway/v1/credentials"
}

# s3 ID SECRET SESSION URL OPTION…: prints the answer's status; its body is in $work/body.
s3() {
    local header=""
    [ -z "$3" ] || header="header = \"x-amz-security-token: $3\""
    printf 'user = "%s:%s"\n%s\n' "$1" "$2" "$header" |
        inside curl -sS -K - -o "$work/body" -w '%{http_code}' --aws-sigv4 aws:amz:us-east-1:s3 \
            -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "${@:4}"
}

# s3_as CREDENTIALS PATH OPTION…: the same with an answer of the gateway.
s3_as() {
    local id secret session endpoint
    IFS=$'\t' read -r id secret session endpoint <<<"$(jq -r '[.credentials.accessKeyId,
        .credentials.secretAccessKey, .credentials.sessionToken, .endpoint] | @tsv' <<<"$1")"
    s3 "$id" "$secret" "$session" "$endpoint/$2" "${@:3}"
}

# rotate API_KEY ID: $pair, whether it is $pending, and $store. A rotation that is still under way is a 422.
rotate() {
    local answer
    for _ in $(seq 30); do
        answer="$(printf 'Authorization: Bearer %s' "$1" | inside curl -sS --fail-with-body -X POST -H @- \
            -H 'Content-Type: application/json' -d "{\"access_key\":{\"id\":\"$2\"}}" \
            "$gateway/core/v1/object_storage/access_keys/access_key/generate_credentials")" && break
        jq -e '.code == "object_storage_provisioning_error"' <<<"$answer" >/dev/null || break
        sleep 1
    done
    pair=("$(jq -r .object_storage_access_key.s3_access_key_id <<<"$answer")"
        "$(jq -r .object_storage_access_key.s3_secret_access_key <<<"$answer")")
    pending="$(jq '.object_storage_access_key.state == "pending"' <<<"$answer")"
    store="$(jq -r .object_storage_access_key.server_url <<<"$answer")"
}

# expect WHAT SEEN WANTED
expect() { if [ "$2" = "$3" ]; then ok "$1: $2"; else fail "$1: $2 instead of $3"; fi; }

cloakroom() { compose exec -T gateway cloakroom "$@"; }

# secrets_of: prints the secrets in the volumes, to search for them. Those in JSON have files of their own too.
secrets_of() {
    compose run --rm --no-deps -T --entrypoint /bin/bash secrets -c \
        'for file in /secrets/*/*; do case "$file" in *.pem | *.json) ;; *) cat "$file" ;; esac; done' 2>/dev/null |
        awk 'length >= 20 && !/-----/'
}
