# Sourced by `run`: the long-running programs of docs/clients, all at once, each with one client and its
# token file. Credentials last 5 s and the first token 14 s. The gateway treats expired and revoked tokens
# alike. The workload's tokens have the form of a Kubernetes service account's (workload.py); there is no
# cluster.

lifetimes() {
    python3 "$here/workload.py" issuer "$work"
    start_gateway 5s --issuers "$work/issuers.toml"
    if [ -n "$iceberg_folder" ]; then
        folder="$iceberg_folder"
        shows "PyIceberg: appends for three lifetimes" ' 16 rows$' "$venv/bin/python" watch.py 16
    fi
    local whose
    for whose in person workload; do
        echo "== three lifetimes of the credentials, the $whose's token replaced in between"
        watch "$whose" 20 renew
        each lasted
        echo "== the $whose's token not replaced"
        watch "$whose" 60
        each stopped
    done
    watching=()
    stop_gateway
}

# token_of_person FILE [SECONDS]: replaces the file with a token of alice.
token_of_person() { token alice "$1" ${2:+--expires-in "${2}s"}; }

# token_of_workload FILE [SECONDS]: replaces the file with a token of a pod. The gateway takes a signed token for 60 s
# more than it says, because clocks differ.
token_of_workload() { replace "$1" python3 "$here/workload.py" token "$work" $((${2:-3600} - 60)); }

# watch WHOSE SECONDS [renew]: starts every program; program I writes to $work/I.out.
watch() {
    local i folder command
    watching=()
    for i in "${!long_running[@]}"; do
        IFS='|' read -r _ folder command <<<"${long_running[i]}"
        (
            export TOKEN_FILE="$work/$i.token" HOME="$work/home"
            "token_of_$1" "$TOKEN_FILE" 14
            . "$work/environment.sh"
            if [ "${3:-}" = renew ]; then { sleep 8; "token_of_$1" "$TOKEN_FILE"; } & fi
            cd "$folder"
            exec timeout 90 sh -c "$command $2"
        ) >"$work/$i.out" 2>&1 &
        watching[i]=$!
    done
}

# each FUNCTION: calls it with every program's number and name.
each() {
    local i
    for i in "${!long_running[@]}"; do "$1" "$i" "${long_running[i]%%|*}"; done
}

lasted() {
    local listed
    wait "${watching[$1]}" || { fail "$2: ends before its time" "$work/$1.out"; return 0; }
    listed="$(grep -c ' objects$' "$work/$1.out")"
    if [ "$listed" = 20 ]; then
        ok "$2: lists at every second of 20"
    else
        fail "$2: lists $listed times of 20" "$work/$1.out"
    fi
}

# The program must have worked first and ended by itself, not by `timeout` (124).
stopped() {
    local status=0
    wait "${watching[$1]}" || status=$?
    if [ "$status" = 0 ] || [ "$status" = 124 ] || ! grep -q ' objects$' "$work/$1.out"; then
        fail "$2: does not stop as it should ($status)" "$work/$1.out"
    elif ! grep -q 'access token is not valid' "$work/$1.out"; then
        fail "$2: stops without the gateway's message" "$work/$1.out"
    else
        ok "$2: stops with the gateway's message after $(grep -c ' objects$' "$work/$1.out") listings"
    fi
}
