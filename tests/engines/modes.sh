# Sourced by `run`: Keycloak's tokens in every validation mode, every client authentication of the
# gateway at Keycloak, and everything over TLS behind nginx.

# expect WHAT STATUS TOKEN [CURL OPTION…]
expect() {
    local what="$1" status="$2" token="$3" seen
    shift 3
    seen="$(curl -so "$work/answer" -w '%{http_code}' -X POST "http://127.0.0.1:$port/v1/credentials" \
        -H "Authorization: Bearer $token" "$@")"
    if [ "$seen" = "$status" ]; then
        echo "ok    $what: $status"
    else
        echo "FAIL  $what: $seen instead of $status"
        cat "$work/answer"
        tail -n 5 "$work/gateway.log"
        return 1
    fi
}

keycloak_token() { "$here/keycloak_token.sh" "$CLOAKROOM_OAUTH__ISSUER" "$1"; }

# with VARIABLE=VALUE…: a gateway with these changes.
with() {
    stop_gateway
    env CLOAKROOM_HTTP__ADDRESS="127.0.0.1:$port" "$@" "$bin" serve >"$work/gateway.log" 2>&1 &
    gateway=$!
    wait_until_ready "http://127.0.0.1:$port"
}

# sign_out USER: ends the user's sessions, which makes their tokens inactive.
sign_out() {
    local id
    id="$(keycloak_admin "users?username=$1&exact=true" | json '[0]["id"]')"
    keycloak_admin "users/$id/logout" -X POST
}

json() { python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }

# keycloak_admin PATH [CURL OPTION…]
keycloak_admin() {
    local path="$1" base="${CLOAKROOM_OAUTH__ISSUER%/realms/*}" token
    shift
    token="$(curl -fsS "$base/realms/master/protocol/openid-connect/token" -d grant_type=password \
        -d client_id=admin-cli -d username=admin -d "password=$KEYCLOAK_ADMIN_PASSWORD" | json '["access_token"]')"
    curl -fsS "$base/admin/realms/cloakroom/$path" -H "Authorization: Bearer $token" "$@"
}

# keycloak_people NAME…: creates the users; each password is the name.
keycloak_people() {
    python3 -c '
import json, sys
credentials = lambda name: [{"type": "password", "value": name, "temporary": False}]
users = [{"username": name, "enabled": True, "firstName": name, "lastName": "Test",
          "email": name + "@example.com", "emailVerified": True, "credentials": credentials(name)}
         for name in sys.argv[1:]]
print(json.dumps({"ifResourceExists": "SKIP", "users": users}))' "$@" >"$work/people.json"
    keycloak_admin partialImport -X POST -H "Content-Type: application/json" -d "@$work/people.json" >/dev/null
}

validation_modes() {
    local token mode
    local plain=(CLOAKROOM_OAUTH__AUDIENCE=cloakroom CLOAKROOM_OAUTH__ACCEPT_PLAIN_JWT=true
        CLOAKROOM_OAUTH__INTROSPECTION_CACHE=0s)
    for mode in introspection jwt jwt-then-introspection; do
        with CLOAKROOM_OAUTH__VALIDATION="$mode" "${plain[@]}"
        token="$(keycloak_token alice)"
        expect "oauth.validation $mode: Keycloak's token" 200 "$token"
        expect "oauth.validation $mode: the same, damaged" 401 "${token%????}AAAA"
        sign_out alice
        if [ "$mode" = jwt ]; then
            expect "oauth.validation $mode: signed out, good until it expires" 200 "$token"
        else
            expect "oauth.validation $mode: signed out" 401 "$token"
        fi
    done
    with CLOAKROOM_OAUTH__VALIDATION=jwt CLOAKROOM_OAUTH__AUDIENCE=cloakroom
    expect "oauth.validation jwt without oauth.accept_plain_jwt" 401 "$(keycloak_token alice)"
}

client_authentication() {
    local id certificate
    with CLOAKROOM_OAUTH__CLIENT_AUTHENTICATION=client_secret_post
    expect "client_secret_post" 200 "$(keycloak_token alice)"
    # From now on Keycloak's client authenticates with a key.
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=cloakroom \
        -keyout "$work/client.key" -out "$work/client.pem" 2>/dev/null
    chmod o-r "$work/client.key"
    certificate="$(grep -v -- ----- "$work/client.pem" | tr -d '\n')"
    id="$(keycloak_admin "clients?clientId=cloakroom" | json '[0]["id"]')"
    client_is "$id" "{\"clientAuthenticatorType\": \"client-jwt\",
        \"attributes\": {\"jwt.credential.certificate\": \"$certificate\"}}"
    with CLOAKROOM_OAUTH__CLIENT_AUTHENTICATION=private_key_jwt \
        CLOAKROOM_OAUTH__CLIENT_PRIVATE_KEY_FILE="$work/client.key"
    expect "private_key_jwt" 200 "$(keycloak_token alice)"
    with CLOAKROOM_OAUTH__CLIENT_AUTHENTICATION=client_secret_basic
    expect "a secret where Keycloak wants a key" 502 "$(keycloak_token alice)"
    client_is "$id" '{"clientAuthenticatorType": "client-secret"}'
}

# client_is ID JSON: changes Keycloak's client.
client_is() {
    keycloak_admin "clients/$1" | python3 -c '
import json, sys
client, changes = json.load(sys.stdin), json.loads(sys.argv[1])
client["attributes"].update(changes.pop("attributes", {}))
print(json.dumps(client | changes))' "$2" >"$work/client.json"
    keycloak_admin "clients/$1" -X PUT -H "Content-Type: application/json" -d "@$work/client.json"
}

# Gateway, Keycloak and store behind nginx, under a private certificate authority.
behind_nginx() {
    local url token seen
    export STORE_PORT="${CEPH_RGW_PORT:-7480}"
    start nginx
    (
        . "$work/nginx/gateway.env"
        env | grep ^CLOAKROOM_ >"$work/tls.env"
    )
    mapfile -t tls <"$work/tls.env"
    with "${tls[@]}"
    url="https://localhost:${NGINX_PORT:-8443}"
    token="$(keycloak_token alice)"
    expect "the gateway itself, with https to Keycloak and store (ca_file)" 200 "$token"
    seen="$(curl -fsS --cacert "$work/nginx/ca.pem" --interface 127.0.0.2 -X POST "$url/v1/credentials" \
        -H "Authorization: Bearer $token" -H "X-Forwarded-For: 203.0.113.7" | json '["endpoint"]')"
    [ "$seen" = "https://localhost:$((${NGINX_PORT:-8443} + 2))" ] ||
        { echo "FAIL  behind nginx: told $seen"; return 1; }
    echo "ok    behind nginx (deploy/nginx): credentials over TLS"
    grep '"outcome":"vended"' "$work/gateway.log" | tail -n 1 | grep -q '"client":"127.0.0.2"' ||
        { echo "FAIL  behind nginx: the log does not name the client"; tail -n 2 "$work/gateway.log"; return 1; }
    echo "ok    behind nginx: the log names the client, not the proxy, and not what the client claims"
    seen="$(curl -sS --cacert "$work/nginx/ca.pem" -X POST "$url/v1/credentials" | json '["type"]')"
    [ "$seen" = "$url/problems/missing-token" ] || { echo "FAIL  behind nginx: type $seen"; return 1; }
    echo "ok    behind nginx: links lead to the public URL"
}
