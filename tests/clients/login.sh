# Sourced by `run`: a person who signs in with a browser, is killed at every step, and has two terminals.

# Writes a program that stands for a browser and for alice in front of it: it follows the link, submits the page's
# form, and follows the redirect.
write_browser() {
    cat >"$work/bin/browser" <<'BROWSER'
#!/bin/sh
page=$(curl -fsS -o /dev/null -w '%{redirect_url}' "$1")
back=$(curl -fsS -o /dev/null -w '%{redirect_url}' -d "${page#*\?}&user=alice" "${page%%\?*}")
curl -fsS "$back" >/dev/null
BROWSER
    # What the page shows asks before it signs in, and before it changes a file.
    cat >"$work/bin/cloakroom" <<PROGRAM
#!/bin/sh
case "\$1" in login | setup) set -- "\$@" --yes ;; esac
exec "$bin" "\$@"
PROGRAM
    # Whom the environment gives no credentials.
    cat >"$work/bin/person" <<PERSON
#!/bin/bash
unset "\${!AWS_@}" TOKEN_FILE
export BROWSER=browser PATH="$work/bin:$venv/bin:\$PATH"
exec "\$@"
PERSON
    chmod +x "$work/bin/browser" "$work/bin/cloakroom" "$work/bin/person"
}

# person COMMAND…: runs it as someone who sits at a terminal.
person() { (cd "$folder" && HOME="$work/home" exec timeout --foreground 120 "$work/bin/person" "$@"); }

# A user of the machine who has never used it.
fresh_user() { rm -rf "$work/home/.local" "$work/home/.aws" "$work/home/.config"; }

first_upload() { person bash -e -c 'aws --profile cloakroom s3 cp --quiet large.bin "s3://$BUCKET/large.bin"'; }

# killed WHAT PREPARE CODES COMMAND…: kills the command after each twentieth of the time that it takes, then repeats
# it to its end, each time prepared anew. CODES are the exit codes that the repeated command may have.
killed() {
    local what="$1" prepare="$2" codes="$3" start took least="" twentieth code counts=() died=0
    shift 3
    for _ in 1 2 3; do
        "$prepare"
        start=$(date +%s%N)
        "$@" >"$work/out" 2>&1 || { fail "$what: ends with an error" "$work/out"; return; }
        took=$(($(date +%s%N) - start))
        if [ -z "$least" ] || [ "$took" -lt "$least" ]; then least=$took; fi
    done
    for twentieth in $(seq 0 20); do
        "$prepare"
        # The shell is killed with all that it runs.
        (set -m; "$@" >/dev/null 2>&1 & victim=$!
            sleep "$(awk "BEGIN { print $least * $twentieth / 20 / 1e9 }")"
            kill -KILL -- "-$victim" 2>/dev/null; wait "$victim" 2>/dev/null; [ $? = 137 ]) && died=$((died + 1))
        code=0
        "$@" >"$work/out" 2>&1 || code=$?
        counts[$code]=$((${counts[$code]:-0} + 1))
        if [[ " $codes " != *" $code "* ]]; then
            fail "$what: killed after $twentieth/20 and repeated, it exits with $code" "$work/out"
            return
        fi
        "after_$prepare" || { fail "$what: killed after $twentieth/20 and repeated, something is left" "$work/out"; return; }
    done
    ok "$what: killed ($died of 21 times before its end) and repeated:$(for code in "${!counts[@]}"; do printf ' %s times exit %s' "${counts[$code]}" "$code"; done)"
}

before_login() { fresh_user; }
after_before_login() { person cloakroom credentials >"$work/out" 2>&1; }

before_setup() { rm -rf "$work/home/.aws"; }
after_before_setup() { cmp "$work/profile" "$work/home/.aws/config" && [ "$(ls -A "$work/home/.aws")" = config ]; }

before_upload() { HOME="$work/home" "$venv/bin/aws" s3 rm --quiet "s3://$BUCKET/large.bin"; }
after_before_upload() { objects >"$work/out"; grep -q ' 12582912 large.bin$' "$work/out"; }

# Lets the access token be about to expire. A killed refresh may have spent the refresh token.
before_refresh() {
    person cloakroom credentials >/dev/null 2>&1 || person cloakroom login >/dev/null 2>&1
    sed -i 's/"expires": "[^"]*"/"expires": "2026-01-01T00:00:00Z"/' "$work"/home/.local/state/cloakroom/*.json
}
after_before_refresh() { :; }

# at_once WHAT COUNT COMMAND…: runs it in so many terminals at once. All must end well.
at_once() {
    local what="$1" count="$2" pids=() pid bad=0
    shift 2
    for _ in $(seq "$count"); do "$@" >>"$work/out" 2>&1 & pids+=($!); done
    for pid in "${pids[@]}"; do wait "$pid" || bad=$((bad + 1)); done
    if [ "$bad" = 0 ]; then ok "$what: $count at once"; else fail "$what: $bad of $count at once fail" "$work/out"; fi
}

login_killed() {
    head -c 12M /dev/zero >"$folder/large.bin"
    killed "login" before_login "0" person cloakroom login
    person cloakroom setup aws >/dev/null 2>&1
    cp "$work/home/.aws/config" "$work/profile"
    killed "login, setup aws" before_setup "0" person cloakroom setup aws
    killed "login, aws s3 cp" before_upload "0" first_upload
    killed "login, a refresh" before_refresh "0 77" person cloakroom credentials
}

login_at_once() {
    : >"$work/out"
    fresh_user
    at_once "login" 2 person cloakroom login
    at_once "login, setup aws" 2 person cloakroom setup aws
    cmp -s "$work/profile" "$work/home/.aws/config" || fail "login, setup aws: two at once, another file"
    before_refresh
    at_once "login, refreshes" 8 person cloakroom credentials
    before_refresh
    at_once "login, aws s3 cp" 2 first_upload
}

# The workspace that `dev` has made.
login_workspace() {
    local path
    # An empty prefix is a failure of `aws s3 ls`.
    if person bash -e ./workspace.sh >"$work/commands" 2>"$work/out" &&
        path="$(sed -n 's/^aws .*s3:\/\///p' "$work/commands")" &&
        person aws --profile cloakroom-acme-research s3 cp --quiet hello.txt "s3://${path}hello.txt" >>"$work/out" 2>&1 &&
        person sh -e "$work/commands" >>"$work/out" 2>&1 && [ "$(grep -c hello.txt "$work/out")" = 2 ]; then
        ok "login, setup --workspace: AWS CLI and rclone list it by the printed commands"
    else
        fail "login, setup --workspace" "$work/out"
    fi
}

login() {
    page login
    mkdir -p "$work/bin"
    rm -f "$work/bin/cloakroom"
    write_browser
    # Another page's profile has the same name.
    fresh_user
    printf hello >"$folder/hello.txt"
    local show='aws --profile cloakroom s3 cp --quiet "s3://$BUCKET/hello.txt" -'
    if person bash -e -c ". ./first-file.sh; $show" >"$work/out" 2>&1 && grep -q hello "$work/out"; then
        ok "login: three commands to the first file"
    else
        fail "login: three commands to the first file" "$work/out"
    fi
    refused "login" "$work/bin/person" bash -e -c 'aws --profile cloakroom s3 ls "s3://$BUCKET"'
    lists "login, setup rclone (PyPI)" "$work/bin/person" bash -e -c 'cloakroom setup rclone; rclone ls "cloakroom:$BUCKET"'
    if have /usr/bin/rclone "login, setup rclone (Debian)"; then
        lists "login, setup rclone (Debian)" "$work/bin/person" bash -e -c '/usr/bin/rclone ls "cloakroom:$BUCKET"'
    fi
    login_workspace
    login_killed
    login_at_once
    person bash -e -c 'aws --profile cloakroom s3 rm --quiet --recursive "s3://$BUCKET"; cloakroom logout' \
        >"$work/out" 2>&1 || fail "login: cannot clean up" "$work/out"
    rm "$work/bin/cloakroom"
}
