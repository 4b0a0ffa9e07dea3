# Sourced by `run`: a person who signs in with a browser.

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
    chmod +x "$work/bin/browser" "$work/bin/cloakroom"
}

login() {
    page login
    mkdir -p "$work/bin"
    rm -f "$work/bin/cloakroom"
    write_browser
    # Another page's profile has the same name.
    rm -f "$work/home/.aws/config"
    printf hello >"$folder/hello.txt"
    local environment='unset "${!AWS_@}" TOKEN_FILE; export BROWSER=browser'
    local path="$work/bin:$venv/bin:$PATH" show
    show='aws --profile cloakroom s3 cp --quiet "s3://$BUCKET/hello.txt" -'
    if PATH="$path" at_home bash -e -c "$environment; . ./first-file.sh; $show" >"$work/out" 2>&1 &&
        grep -q hello "$work/out"; then
        ok "login: three commands to the first file"
    else
        fail "login: three commands to the first file" "$work/out"
    fi
    PATH="$path" refused "login" bash -e -c \
        "$environment; aws --profile cloakroom s3 ls \"s3://\$BUCKET\""
    PATH="$path" lists "login, setup rclone (PyPI)" bash -e -c \
        "$environment; cloakroom setup rclone; rclone ls cloakroom:\$BUCKET"
    if have /usr/bin/rclone "login, setup rclone (Debian)"; then
        PATH="$path" lists "login, setup rclone (Debian)" bash -e -c \
            "$environment; /usr/bin/rclone ls cloakroom:\$BUCKET"
    fi
    PATH="$path" at_home bash -e -c \
        "$environment; aws --profile cloakroom s3 rm --quiet \"s3://\$BUCKET/hello.txt\"; cloakroom logout" \
        >"$work/out" 2>&1 || fail "login: cannot clean up" "$work/out"
    rm "$work/bin/cloakroom"
}
