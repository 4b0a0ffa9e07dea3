# Sourced by `run`: `cloakroom doctor` on a real store.

# examine ENGINE: sound; leaves nothing behind, interrupted or killed; `serve --doctor` gets ready.
examine() {
    local engine="$1" pid delay grant killed=0
    if ! "$bin" doctor >"$work/doctor" 2>&1; then
        echo "FAIL  doctor on $engine"
        cat "$work/doctor"
        return 1
    fi
    tail -n 1 "$work/doctor" | grep -q '^SOUND: ' || { echo "FAIL  doctor on $engine: $(tail -n 1 "$work/doctor")"; return 1; }
    for grant in 'below a prefix' 'with a read-only grant' 'with a read-only grant below a prefix'; do
        grep -q "^passed .*  $grant, refused: " "$work/doctor" || { echo "FAIL  doctor on $engine: no attack $grant"; return 1; }
    done
    echo "ok    doctor on $engine: $(tail -n 1 "$work/doctor")"
    # When it is interrupted it cleans up; when it is killed, --clean does. How long a run takes depends
    # on the store.
    for delay in 0.15 0.2 0.3 0.4 0.6 0.9 1.3 2 3 4.5 7 none; do
        [ "$delay" != none ] || { echo "FAIL  doctor on $engine: not interrupted"; return 1; }
        "$bin" doctor >"$work/doctor" 2>&1 &
        pid=$!
        sleep "$delay"
        kill "$pid" 2>/dev/null || true
        if wait "$pid"; then
            ! grep -qi interrupted "$work/doctor" ||
                { echo "FAIL  doctor on $engine: an interrupted examination is no sound one"; return 1; }
        elif grep -qi interrupted "$work/doctor" && grep -q '^passed .*a bucket is made' "$work/doctor"; then
            break
        fi
    done
    left_behind 0 "interrupted" || return 1
    for delay in 0.25 0.25 0.25 0.25 0.3 0.4 0.5 0.7 0.9 1.2 1.6 2 2.7 3.5 4.5 6 8 none; do
        [ "$delay" != none ] || { echo "FAIL  doctor on $engine: $killed killed, and --clean found nothing"; return 1; }
        "$bin" doctor >"$work/doctor" 2>&1 &
        pid=$!
        sleep "$delay"
        kill -9 "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        killed=$((killed + 1))
        [ "$("$bin" doctor --clean)" = "0 buckets removed" ] || break
    done
    # The store may still be finishing the killed run's requests.
    for _ in $(seq 20); do
        [ "$("$bin" doctor --clean)" != "0 buckets removed" ] || break
        sleep 0.25
    done
    left_behind 0 "killed and cleaned" || return 1
    echo "ok    doctor on $engine: leaves nothing behind, interrupted or killed and cleaned"
    stop_gateway
    # An examination, and another one after 30 s if the first was inconclusive.
    READY_WITHIN=120 CLOAKROOM_HTTP__ADDRESS="127.0.0.1:$port" start_gateway "http://127.0.0.1:$port" "$bin" serve --doctor
    grep -q 'doctor: isolation holds' "$work/gateway.log" || { echo "FAIL  serve --doctor on $engine"; return 1; }
    echo "ok    serve --doctor on $engine: ready after isolation was proven"
}

# left_behind NUMBER WHEN
left_behind() {
    local seen
    seen="$("$bin" doctor --clean)"
    [ "$seen" = "$1 buckets removed" ] || { echo "FAIL  doctor, $2: $seen"; return 1; }
}

# examine_trust: with a trust policy that only names the gateway's user, RGW lets a session open
# another without a policy.
examine_trust() {
    local trust='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam:::user/gateway"]},"Action":["sts:AssumeRole"]}]}'
    radosgw-admin -c "$work/ceph/ceph.conf" role modify --role-name gateway --assume-role-policy-doc "$trust" >/dev/null 2>&1
    if "$bin" doctor >"$work/doctor" 2>&1 ||
        ! grep -A 1 '^failed .*mint a session without a policy' "$work/doctor" | grep -q trust-policy.json; then
        echo "FAIL  doctor on ceph, with a trust policy that sessions meet"
        cat "$work/doctor"
        return 1
    fi
    echo "ok    doctor on ceph: with a trust policy that sessions meet it fails and says what to do"
    radosgw-admin -c "$work/ceph/ceph.conf" role modify --role-name gateway \
        --assume-role-policy-doc "$(cat "$here/../../deploy/ceph/trust-policy.json")" >/dev/null 2>&1
}

# examine_self_service: where users may make themselves key pairs, doctor fails and says what to do.
examine_self_service() {
    local url
    url="$("$here/seaweedfs.sh" loose "$work/seaweedfs")"
    if CLOAKROOM_STORAGE__ENDPOINT="$url" "$bin" doctor >"$work/doctor" 2>&1 ||
        ! grep -A 1 '^failed .*with an access key, refused: mint credentials' "$work/doctor" |
            grep -q selfServiceRequiresGrant; then
        echo "FAIL  doctor on seaweedfs, where users make themselves key pairs"
        cat "$work/doctor"
        return 1
    fi
    echo "ok    doctor on seaweedfs: where users make themselves key pairs it fails and says what to do"
    left_behind 0 "with self-service"
}

# examine_names: MinIO shows the names of keys in a shared bucket. doctor reports it, and fails if the
# registry has a shared bucket; `administered` has created one.
examine_names() {
    if "$bin" doctor >"$work/doctor" 2>&1; then
        echo "SKIPPED: names of keys in a shared bucket: this MinIO does not show them"
    elif [ "$(grep -c '^failed' "$work/doctor")" = "$(grep -A 1 '^failed' "$work/doctor" | grep -c 'THE STORE SHOWS THE NAMES')" ]; then
        echo "ok    doctor on minio: with a shared bucket it fails and says which: $(tail -n 1 "$work/doctor")"
    else
        echo "FAIL  doctor on minio, with a shared bucket"
        cat "$work/doctor"
        return 1
    fi
    left_behind 0 "with a shared bucket"
}

# examine_hole: with a policy that lacks the Deny on admin:*, doctor fails and says what to do.
# Skipped on a MinIO that has been fixed.
examine_hole() {
    minio_policy() { "$venv/bin/python" "$here/minio_policy.py" "$work/minio" "$1"; }
    echo '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*"],"Resource":["arn:aws:s3:::*"]}]}' \
        >"$work/without-deny.json"
    minio_policy "$work/without-deny.json"
    if "$bin" doctor >"$work/doctor" 2>&1; then
        echo "SKIPPED: CVE-2025-62506: this MinIO does not have the hole"
    elif grep -A 1 '^failed .*CVE-2025-62506' "$work/doctor" | grep -q 'Deny on admin'; then
        echo "ok    doctor on minio: without the Deny it fails and says what to do"
        left_behind 0 "with a hole" || return 1
    else
        echo "FAIL  doctor on minio, without the Deny on admin:*"
        cat "$work/doctor"
        return 1
    fi
    minio_policy "$here/../../deploy/minio/gateway-policy.json"
}
