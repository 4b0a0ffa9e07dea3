# Sourced by the scripts that start one server.

# stop_by PID-FILE: ends the process that the file names, and waits for it.
stop_by() {
    local pid
    pid="$(cat "$1" 2>/dev/null)" || return 0
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 150); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
}

random_secret() { head -c 20 /dev/urandom | od -An -tx1 | tr -d ' \n'; }
