# Sourced by the scripts of this folder: a store, a registry, an authorization server that knows every
# `token-N`, the gateway; and wrk. What is not on this machine is installed or built.

engines="$here/../engines"
. "$engines/install.sh"
port="${GATEWAY_PORT:-8090}" oauth="${OAUTH_PORT:-8091}" seconds="${SECONDS_EACH:-3}" tokens="${TOKENS:-300}"
database="${DATABASE:-sqlite}"
work="$(mktemp -d)"
chmod 755 "$work"
pids=() started=()

clean_up() {
    local i
    for i in "${pids[@]}"; do kill "$i" 2>/dev/null || true; done
    for i in "${started[@]}"; do "$engines/$i.sh" stop "$work/$i" || true; done
    wait 2>/dev/null || true
    rm -rf "$work"
}
trap clean_up EXIT

engine() {
    started+=("$1")
    "$engines/$1.sh" start "$work/$1" >/dev/null 2>&1 || { echo "$1 does not start" >&2; exit 1; }
    . "$work/$1/gateway.env"
}

until_it_answers() {
    for _ in $(seq 200); do
        if curl -fs -o /dev/null "$1"; then return; fi
        sleep 0.1
    done
    echo "no answer from $1" >&2
    tail -n 5 "$work"/*.log >&2
    exit 1
}

# install ENGINE: the programs.
install() {
    programs curl jq wrk ${PERF:+perf}
    case "$1" in
    ceph) programs ceph-mon radosgw uuidgen ;;
    esac
    if [ "$database" = postgres ]; then programs initdb; fi
    python_clients
    python="$venv/bin/python"
}

# build: release builds of the gateway and of bare.rs, unless CLOAKROOM_BIN is one.
build() {
    if [ -z "${CLOAKROOM_BIN:-}" ]; then
        CLOAKROOM_BIN="${CARGO_TARGET_DIR:-$here/../../target}/release/cloakroom"
        cargo build --quiet --locked --manifest-path "$here/../../Cargo.toml" --release \
            --no-default-features --features load --bin cloakroom --example bare
    fi
    bin="$(realpath "$CLOAKROOM_BIN")"
}

# setting NAME VALUE: of the gateway, unless the environment has it.
setting() {
    local name="CLOAKROOM_$1"
    export "$name=${!name-$2}"
}

# start_upstreams ENGINE: starts the store, a registry (DATABASE) and an authorization server, and sets
# the gateway's variables. The engine `none` is a store that runs already.
start_upstreams() {
    install "$1"
    build
    if [ "$1" != none ]; then engine "$1"; fi
    if [ "$database" = postgres ]; then
        engine postgres
    else
        export CLOAKROOM_DATABASE__URL="sqlite://$work/cloakroom.db?mode=rwc"
    fi

    "$python" "$here/../faults/authorization_server.py" "$oauth" >"$work/oauth.log" 2>&1 &
    authorization_server=$!
    pids+=("$authorization_server")
    until_it_answers "http://127.0.0.1:$oauth/.well-known/openid-configuration"

    export LUA_REPORT="$here/report.lua"
    export CLOAKROOM_OAUTH__ISSUER="http://127.0.0.1:$oauth" CLOAKROOM_OAUTH__CLIENT_ID=load \
        CLOAKROOM_OAUTH__CLIENT_SECRET=only-for-the-load-test
    setting OAUTH__INTROSPECTION_CACHE 1h
    setting STORAGE__BUCKET_RECHECK 1h
    setting LIMITS__PER_OWNER "100000/s burst 100000"
    setting LIMITS__PER_CALLER "100000/s burst 100000"
}

# start_gateway [LOG]: a gateway on `port`; `gateway` is its process.
start_gateway() {
    CLOAKROOM_HTTP__ADDRESS="127.0.0.1:$port" "$bin" serve 2>"${1:-$work/gateway-$port.log}" &
    gateway=$!
    pids+=("$gateway")
    until_it_answers "http://127.0.0.1:$port/readyz"
}

start_bare() {
    export BARE_ADDRESS="127.0.0.1:$((port + 2))"
    CLOAKROOM_STORAGE__ROLE_ARN="${CLOAKROOM_STORAGE__ROLE_ARN:-}" "${BARE_BIN:-$(dirname "$bin")/examples/bare}" \
        2>"$work/bare.log" &
    bare=$!
    pids+=("$bare")
    for _ in $(seq 50); do
        if curl -s -o /dev/null "http://$BARE_ADDRESS/"; then return; fi
        sleep 0.1
    done
    echo "bare does not start" >&2
    exit 1
}

# call_once FIRST LAST: POST /v1/credentials once with each of these tokens, 32 at a time.
call_once() {
    local number
    for ((number = $1; number <= $2; number++)); do
        [ "$number" = "$1" ] || echo next
        printf '%s\n' "url = http://127.0.0.1:$port/v1/credentials" request=POST output=/dev/null \
            "header = \"Authorization: Bearer token-$number\"" silent fail retry=5 retry-all-errors
    done >"$work/calls"
    curl --no-progress-meter --parallel --parallel-immediate --parallel-max 32 --config "$work/calls"
}

resident() { awk '/VmRSS/ { print $2, $3 }' "/proc/$gateway/status"; }

# ticks PID: its processor time so far, in clock ticks of 10 ms.
ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

# measure CONNECTIONS SCRIPT URL: "rate median errors"
measure() {
    TOKENS="$tokens" wrk -t 1 -c "$1" -d "${seconds}s" -s "$2" "$3" | awk '$1 == "RESULT" { print $2, $3, $4 }'
}
