# Sourced by `run`: the long-running programs of docs/clients, all at once, each with one client and its
# token file. Credentials last 5 s, and PyIceberg's as long as its appends need. The gateway treats
# expired and revoked tokens alike. The workload's tokens have the form of a Kubernetes service account's
# (workload.py); there is no cluster.

lifetimes() {
    python3 "$here/workload.py" issuer "$work"
    if [ -n "$iceberg_folder" ]; then iceberg_lasts; fi
    start_gateway 5s --issuers "$work/issuers.toml"
    local whose
    for whose in person workload; do
        echo "== three lifetimes of the credentials, the $whose's token replaced in between"
        watch "$whose" 20 renewed
        each lasted
        echo "== the $whose's token ends and is not replaced"
        watch "$whose" 60 ended
        each stopped
    done
    watching=()
    stop_gateway
}

# PyIceberg opens its catalog again at half of its credentials' life, and repeats nothing: an append must
# not take longer than the other half.
iceberg_lasts() {
    local begun lifetime rows limit
    folder="$iceberg_folder"
    start_gateway 1h
    begun=$SECONDS
    shows "PyIceberg: appends once" ' 1 rows$' "$venv/bin/python" watch.py 1
    lifetime=$((4 + SECONDS - begun)) # Most of this is Python's start.
    rows=$((3 * lifetime + 1)) limit=$((10 * rows)) # A row takes a second at least.
    stop_gateway
    start_gateway "${lifetime}s"
    shows "PyIceberg: appends for three lifetimes of $lifetime s" " $rows rows\$" "$venv/bin/python" watch.py "$rows"
    stop_gateway
}

# token_of_person FILE [SECONDS]: replaces the file with a token of alice.
token_of_person() { token alice "$1" ${2:+--expires-in "${2}s"}; }

# token_of_workload FILE [SECONDS]: replaces the file with a token of a pod. The gateway takes a signed token for 60 s
# more than it says, because clocks differ.
token_of_workload() { replace "$1" python3 "$here/workload.py" token "$work" $((${2:-3600} - 60)); }

# watch WHOSE SECONDS THEN: starts every program; program I writes to $work/I.out. What THEN does happens to
# its token once it has worked.
watch() {
    local i folder command
    watching=()
    for i in "${!long_running[@]}"; do
        IFS='|' read -r _ folder command <<<"${long_running[i]}"
        (
            export TOKEN_FILE="$work/$i.token" HOME="$work/home"
            "token_of_$1" "$TOKEN_FILE"
            . "$work/environment.sh"
            program=$BASHPID
            {
                until grep -q ' objects$' "$work/$i.out"; do
                    kill -0 "$program" || exit
                    sleep 0.1
                done
                "$3" "$1" "$TOKEN_FILE"
            } &
            cd "$folder"
            exec timeout 120 sh -c "$command $2"
        ) >"$work/$i.out" 2>&1 &
        watching[i]=$!
    done
}

# renewed WHOSE FILE: the token gets 14 s, and in time there is another.
renewed() {
    "token_of_$1" "$2.other"
    "token_of_$1" "$2" 14
    sleep 6
    mv "$2.other" "$2"
}

# ended WHOSE FILE: the token is over.
ended() { "token_of_$1" "$2" 0; }

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
