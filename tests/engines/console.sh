# Sourced by `run`: the console in a headless Chromium, with people of Keycloak and files in the store that runs.

console() {
    if ! type -P chromium >/dev/null || ! type -P chromedriver >/dev/null || ! type -P npm >/dev/null; then
        echo "SKIPPED: the console in a browser: no chromium, chromedriver and npm (Debian: chromium chromium-driver npm)"
        return
    fi
    axe_core
    local browser=(--gateway "http://127.0.0.1:$port" --sign-in keycloak)
    "$venv/bin/python" "$here/../console/shell.py" "${browser[@]}"
    passwords_for_console
    workspace_of_alice_and_bob
    # Long lists are the business of tests/console/run, which does not share the machine with a store.
    "$venv/bin/python" "$here/../console/files.py" "${browser[@]}" --workspace people/files --many 2000 \
        --longest-frame 500 --token-command "$here/keycloak_token.sh $CLOAKROOM_OAUTH__ISSUER %s console" ||
        { tail -n 20 "$work/gateway.log"; return 1; }
}

# kept_out_by_minio: what the console says where MinIO names another origin, for all buckets.
kept_out_by_minio() {
    type -P chromium chromedriver >/dev/null || return 0
    minio_origin https://elsewhere.example
    "$venv/bin/python" "$here/../console/shell.py" --gateway "http://127.0.0.1:$port" --sign-in keycloak --only kept_out_by_minio
    minio_origin '*'
}

# minio_origin ORIGIN: as MINIO_API_CORS_ALLOW_ORIGIN does at the start.
minio_origin() {
    "$(engine_binary mc)" --quiet --config-dir "$work/minio/mc" admin config set store api "cors_allow_origin=$1" >/dev/null
}

# passwords_for_console: lets the test get tokens of the console's client, and so see the same buckets.
passwords_for_console() {
    local id
    id="$(keycloak_admin 'clients?clientId=console' | json '[0]["id"]')"
    keycloak_admin "clients/$id" |
        python3 -c 'import json, sys; print(json.dumps({**json.load(sys.stdin), "directAccessGrantsEnabled": True}))' \
            >"$work/console-client.json"
    keycloak_admin "clients/$id" -X PUT -H "Content-Type: application/json" -d "@$work/console-client.json"
}

# workspace_of_alice_and_bob: people/files, where bob only reads.
workspace_of_alice_and_bob() {
    "$bin" org create people >/dev/null
    "$bin" workspace create people/files >/dev/null
    add_member alice read-write
    add_member bob read
}

# add_member USER ACCESS
add_member() {
    local id
    id="$(keycloak_admin "users?username=$1&exact=true" | json '[0]["id"]')"
    "$bin" workspace add-member people/files --subject "$id" --access "$2" >/dev/null
}
