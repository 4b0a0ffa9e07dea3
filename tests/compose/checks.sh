# Sourced by `run`: the checks, in the order in which an operator works.

the_stack() {
    volumes >"$work/volumes.before"
    compose build --quiet >"$work/build" 2>&1 || { fail "docker compose build"; cat "$work/build"; return; }
    ok "docker compose build"
    with_minio || return
    with_seaweedfs || return
    check "down --volumes" compose --profile '*' down --volumes
    expect "containers, volumes and networks that it leaves" "$(left)" 0
}

with_minio() {
    engine=minio
    up "up" 300 || return
    people
    readme
    allowed
    browser
    examined
    organisation
    rotation
    nothing_secret_shown
    down_and_up || return
    restarted || return
    nothing_secret_among_arguments
    if [ -n "$own" ]; then
        rebooted TERM "a reboot" || return
        rebooted KILL "a power cut" || return
    else
        skip "a reboot: the daemon that answers is not ours to stop"
    fi
    logs
    alone
    check "down" compose down
}

# with_seaweedfs: the profile, from new volumes except Keycloak's, whose first start takes long.
with_seaweedfs() {
    engine=seaweedfs
    if [ -n "$own" ]; then unset GATEWAY_PORT MINIO_PORT; fi
    export COMPOSE_PROFILES=seaweedfs
    project_volumes | grep -v keycloak | xargs docker volume rm >/dev/null
    expect "images of MinIO in the profile seaweedfs" "$(compose config --images | grep -c minio)" 0
    up "up with SeaweedFS" 300 || return
    people
    readme
    check "the smoke test by its profile" compose --profile test run --rm smoke
    examined
    organisation
    rotation
    nothing_secret_shown
    down_and_up || return
    restarted || return
    left_behind || return
    nothing_secret_among_arguments
    if [ -n "$own" ]; then rebooted KILL "a power cut" || return; fi
    expect "containers and data of MinIO" "$({ docker ps --all --format '{{.Names}}'; project_volumes; } |
        grep minio | grep -vc secrets)" 0
    unset COMPOSE_PROFILES
}

project_volumes() { docker volume ls --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"; }

left() {
    local label="label=com.docker.compose.project=$COMPOSE_PROJECT_NAME"
    {
        docker ps --all --quiet --filter "$label"
        docker network ls --quiet --filter "$label"
        volumes | comm -13 "$work/volumes.before" -
    } | wc -l
}

people() {
    local bobs
    alice="$(credentials alice)" bobs="$(credentials bob)"
    bucket="$(jq -r .bucket <<<"$alice")" sub="$(subject alice)"
    expect "alice puts a file" "$(s3_as "$alice" "$bucket/kept.txt" -X PUT -d kept)" 200
    if [ "$bucket" = "$(jq -r .bucket <<<"$bobs")" ]; then fail "alice and bob share a bucket"; fi
    expect "bob reads it" "$(s3_as "$bobs" "$bucket/kept.txt")" 403
    expect "alice lists bob's bucket" "$(s3_as "$alice" "$(jq -r .bucket <<<"$bobs")/?list-type=2")" 403
}

# same WHEN: alice still gets her bucket and finds her file.
same() {
    local now
    now="$(credentials alice)"
    expect "$1: alice's sub" "$(subject alice)" "$sub"
    expect "$1: alice's bucket" "$(jq -r .bucket <<<"$now")" "$bucket"
    expect "$1: alice's file" "$(s3_as "$now" "$bucket/kept.txt") $(cat "$work/body")" "200 kept"
}

# block PAGE HEADING NUMBER: a block of shell lines of the page's section.
block() {
    awk -v heading="## $2" -v number="$3" '
        /^## / { inside = $0 == heading; next }
        inside && /^```sh$/ { block++; reading = block == number; next }
        /^```$/ { reading = 0 }
        reading' "$root/$1"
}

# Runs the documentation's lines unchanged in one shell: the README's functions, docs/production.md's
# commands for Compose, and the README's lines with a token. They name the default ports.
readme() {
    if [ -n "${GATEWAY_PORT:-}" ]; then
        skip "the README's lines: they name the default ports"
        check "the smoke test" compose run --rm smoke
        return
    fi
    {
        echo "set -e; cd '$root'"
        block README.md "One screen of curl" 1
        block docs/production.md "All of it with Docker Compose" 1
        block README.md "One screen of curl" 2 | grep -v '^TOKEN='
        block docs/production.md "All of it with Docker Compose" 2
    } >"$work/readme.sh"
    if inside bash "$work/readme.sh" >"$work/output" 2>&1 </dev/null && grep -q "^bucket $bucket until " "$work/output" &&
        grep -qx hello "$work/output" && [ "$(grep -c '^200 ' "$work/output")" = 2 ]; then
        ok "the README's lines: alice's file, an organisation, its API key, the smoke test"
    else
        fail "the README's lines"
        cat "$work/output"
    fi
}

# allowed: checks that Keycloak accepts the gateway's pages at both names.
allowed() {
    local name url client page="$keycloak/realms/cloakroom/protocol/openid-connect"
    for name in localhost 127.0.0.1; do
        url="http://$name:${GATEWAY_PORT:-8080}"
        for client in swagger-ui/oauth2-redirect.html console/; do
            expect "Keycloak's page for ${client%%/*} at $name" "$(inside curl -sS -G -o "$work/body" -w '%{http_code}' \
                "$page/auth" -d response_type=code -d "client_id=${client%%/*}" -d scope=com.cleverbase.storage -d state=x \
                -d code_challenge_method=S256 -d code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM \
                --data-urlencode "redirect_uri=$url/$client")" 200
        done
        expect "Keycloak's CORS for $name" "$(inside curl -sS -o /dev/null -D - -X OPTIONS "$page/token" \
            -H "Origin: $url" -H 'Access-Control-Request-Method: POST' | tr -d '\r' |
            sed -n 's/^access-control-allow-origin: //Ip')" "$url"
    done
}

# browser: tests the page in a browser, if there is one.
browser() {
    local name
    if ! type -P chromium >/dev/null || ! type -P chromedriver >/dev/null; then
        skip "Swagger UI in a browser: no chromium and chromedriver (Debian: chromium, chromium-driver)"
        return
    fi
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$root/tests/engines/requirements.txt"
    for name in localhost 127.0.0.1; do
        if inside "$venv/bin/python" "$root/tests/engines/browser.py" --sign-in keycloak \
            --gateway "http://$name:${GATEWAY_PORT:-8080}" >"$work/output" 2>&1; then
            ok "Swagger UI in a browser at $name: $(grep -c '^ok' "$work/output") checks"
        else
            fail "Swagger UI in a browser at $name"
            grep -v '^#' "$work/output" | tail -n 12
        fi
    done
}

examined() {
    if cloakroom doctor >"$work/output" 2>&1 && tail -n 1 "$work/output" | grep -q '^SOUND'; then
        ok "doctor: $(tail -n 1 "$work/output")"
    else
        fail "doctor"
        grep -A 1 '^failed' "$work/output" || tail -n 5 "$work/output"
    fi
}

# organisation: creates one and stores an object by API key.
organisation() {
    local key answer
    check "org create" cloakroom org create beta
    key="$(cloakroom api-key create --org beta --label ci 2>/dev/null)"
    answer="$(printf 'x-api-key: %s' "$key" | inside curl -fsS "${again[@]}" -X POST -H @- "$gateway/storage/boto")"
    theirs="$(jq -r .bucket_info.name <<<"$answer")"
    expect "the organisation puts a file" "$(s3 "$(jq -r .credentials.aws_key_id <<<"$answer")" \
        "$(jq -r .credentials.aws_secret_access_key <<<"$answer")" \
        "$(jq -r .credentials.aws_session_token <<<"$answer")" \
        "http://localhost:${MINIO_PORT:-9000}/$theirs/$(jq -r .bucket_info.prefix <<<"$answer")x" -X PUT -d x)" 200
}

# rotation: rotates an access key of the organisation.
rotation() {
    local key id first
    id="$(cloakroom access-key create --name backups --org beta --read-bucket "$theirs" --write-bucket "$theirs" 2>/dev/null)"
    key="$(cloakroom api-key create --org beta --label backups --no-storage --scope object_storage 2>/dev/null)"
    rotate "$key" "$id"
    first=("${pair[@]}")
    expect "its access key puts a file" "$(s3 "${pair[@]}" "" "$store/$theirs/y" -X PUT -d y)" 200
    rotate "$key" "$id"
    expect "the next pair" "$(s3 "${pair[@]}" "" "$store/$theirs/y")" 200
    if [ "$pending" = true ]; then # the one before ends once the new one works
        for _ in $(seq 60); do
            [ "$(s3 "${first[@]}" "" "$store/$theirs/y")" != 403 ] || break
            sleep 1
        done
    fi
    expect "the pair before" "$(s3 "${first[@]}" "" "$store/$theirs/y")" 403
}

# Watches the arguments of processes while the following steps restart everything.
nothing_secret_shown() {
    secrets_of >"$work/secrets"
    check "secrets in the volumes: $(sort -u "$work/secrets" | wc -l)" test -s "$work/secrets"
    docker ps --all --quiet --filter "label=com.docker.compose.project=$COMPOSE_PROJECT_NAME" |
        xargs docker inspect >"$work/inspected"
    compose logs --no-color >"$work/logged" 2>&1
    expect "secrets in docker inspect" "$(grep -cFf "$work/secrets" "$work/inspected" || true)" 0
    expect "secrets in the logs" "$(grep -cFf "$work/secrets" "$work/logged" || true)" 0
    while sleep 0.2; do
        grep -saFlf "$work/secrets" /proc/[0-9]*/cmdline || true
    done >"$work/arguments" &
    watcher=$!
}

# down_and_up: changes the ports from here on, except Keycloak's, which is part of the issuer.
down_and_up() {
    local before
    before="$(volumes)"
    check "down" compose down
    export GATEWAY_PORT=$((${GATEWAY_PORT:-8080} + 2)) MINIO_PORT=$((${MINIO_PORT:-9000} + 2))
    up "down, and up on other ports" 300 || return
    same "down and up"
    allowed
    if [ "$before" = "$(volumes)" ]; then
        ok "down and up make no other volumes"
    else
        fail "down and up make other volumes"
        diff <(echo "$before") <(volumes)
    fi
    return 0
}

restarted() {
    check "restart" compose restart
    healthy "restart" 300 || return
    ends_well
    same "restart"
}

# left_behind: SeaweedFS restarts while its setup runs, which is then in a network without SeaweedFS.
left_behind() {
    local tries
    for ((tries = 0; tries < 5; tries++)); do
        docker start "$(container seaweedfs-setup)" >/dev/null
        if docker pause "$(container seaweedfs-setup)" >/dev/null 2>&1; then break; fi
    done
    expect "seaweedfs-setup while SeaweedFS restarts" "$(state seaweedfs-setup '{{.State.Status}}')" paused
    check "SeaweedFS restarts alone" docker restart "$(container seaweedfs)"
    docker unpause "$(container seaweedfs-setup)" >/dev/null
    healthy "SeaweedFS restarts alone" 300 || return
    ends_well
    if [ "$(state seaweedfs-setup '{{.RestartCount}}')" = 0 ]; then
        fail "seaweedfs-setup was not in the former network"
    fi
}

# ends_well: the setup of the store ends, with 0.
ends_well() {
    until state "$engine-setup" '{{.State.Status}}' | grep -q exited; do sleep 0.5; done
    expect "$engine-setup ends with" "$(state "$engine-setup" '{{.State.ExitCode}}')" 0
}

nothing_secret_among_arguments() {
    kill "$watcher" 2>/dev/null || true
    watcher=""
    expect "processes with a secret among their arguments" "$(wc -l <"$work/arguments")" 0
}

# rebooted SIGNAL WHAT
rebooted() {
    local service
    stop_daemon "$1"
    start_daemon || { fail "$2: the daemon does not start again"; return 1; }
    healthy "$2" 300 || return
    same "$2"
    for service in $engine keycloak postgres gateway; do
        expect "$2: starts of $service beyond the first" "$(state "$service" '{{.RestartCount}}')" 0
    done
}

logs() {
    local requests
    docker logs "$(container gateway)" >"$work/gateway.log" 2>&1
    if jq -es 'all(type == "object")' "$work/gateway.log" >/dev/null 2>&1; then
        ok "every line of the gateway's log is JSON ($(wc -l <"$work/gateway.log") lines)"
    else
        fail "the gateway's log has lines that are not JSON"
        grep -v '^{.*}$' "$work/gateway.log" | head -n 5
    fi
    requests="$(jq -c 'select((.route == "/readyz" or .route == "/livez") and .status < 400)' "$work/gateway.log" | wc -l)"
    expect "health checks that passed among them" "$requests" 0
}

# alone: runs the image by itself, with its default registry and a secret mounted as Docker and
# Kubernetes do.
alone() {
    local image id
    image="$(state gateway '{{.Config.Image}}')"
    compose config --format json | jq -r '.services.gateway.environment | to_entries[] |
        select(.key | test("DATABASE|ACCESS_KEYS|SECRET_FILE|CONFIG") | not) | "\(.key)=\(.value)"' >"$work/alone.env"
    echo CLOAKROOM_OAUTH__CLIENT_SECRET_FILE=/run/secrets/oauth >>"$work/alone.env"
    echo CLOAKROOM_STORAGE__SECRET_ACCESS_KEY_FILE=/run/secrets/oauth >>"$work/alone.env"
    mkdir -p "$work/mounted"
    head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$work/mounted/oauth"
    chmod 0444 "$work/mounted/oauth"
    id="$(docker run --detach --env-file "$work/alone.env" --network "${COMPOSE_PROJECT_NAME}_default" \
        --volume "$work/mounted:/run/secrets:ro" "$image")"
    for _ in $(seq 600); do
        docker inspect --format '{{.State.Status}} {{.State.Health.Status}}' "$id" | grep -Eq '^exited| healthy$' && break
        sleep 0.5
    done
    expect "the image alone, SQLite, a secret of mode 0444" "$(docker inspect --format '{{.State.Health.Status}}' "$id")" healthy
    docker logs "$id" 2>&1 | tail -n 4 >"$work/output"
    docker rm --force --volumes "$id" >/dev/null
}
