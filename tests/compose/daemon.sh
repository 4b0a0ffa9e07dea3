# Sourced by `run`: a Docker daemon in its own namespaces of network, processes and mounts. Its
# first process is the daemon, so that nothing it started outlives it.

# can_have_daemon: prints why not.
can_have_daemon() {
    local tool
    [ "$(id -u)" = 0 ] || { echo "not root, and no Docker daemon answers"; return 1; }
    for tool in dockerd docker unshare nsenter ip iptables; do
        type -P "$tool" >/dev/null || { echo "no $tool (Debian: docker.io iptables iproute2)"; return 1; }
    done
    [ -x "$binaries/docker-compose" ] || type -P go >/dev/null || { echo "no Go, which builds Compose v2"; return 1; }
    unshare --net --pid --mount --fork true 2>/dev/null || { echo "no namespaces can be made here"; return 1; }
}

start_daemon() {
    # A reboot clears these.
    rm -rf "$work/run"
    mkdir -p "$work/run"
    unshare --net --pid --mount --fork --kill-child --mount-proc bash -c 'ip link set lo up && exec "$@"' - \
        dockerd --data-root "$data" --exec-root "$work/run" --pidfile "$work/run/docker.pid" \
        --host "unix://$work/run/docker.sock" --cgroup-parent "$cgroup" >>"$work/dockerd.log" 2>&1 &
    unshared=$!
    for _ in $(seq 1200); do
        kill -0 "$unshared" 2>/dev/null || break
        daemon="$(tr -d ' ' <"/proc/$unshared/task/$unshared/children" || true)"
        if [ -n "$daemon" ] && docker info >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    tail -n 5 "$work/dockerd.log" >&2
    return 1
}

# only_images: removes what this run and runs that were killed have left, named volumes included.
only_images() {
    keep_images
    docker volume ls --quiet | xargs -r docker volume rm
}

# stop_daemon SIGNAL: TERM is a shutdown, KILL a power failure.
stop_daemon() {
    [ -n "${unshared:-}" ] || return 0
    if [ -n "${daemon:-}" ]; then kill "-$1" "$daemon" 2>/dev/null || true; fi
    for _ in $(seq 600); do
        kill -0 "$unshared" 2>/dev/null || break
        sleep 0.1
    done
    kill -9 "$unshared" 2>/dev/null || true
    wait "$unshared" 2>/dev/null || true
    unshared="" daemon=""
}

# The kernel keeps the control groups of ended processes.
remove_cgroups() {
    local i
    for i in 1 2 3; do
        find /sys/fs/cgroup -depth -type d -path "*$cgroup*" -exec rmdir {} + 2>/dev/null || true
    done
}

# inside COMMAND…: runs it where the published ports are.
inside() {
    if [ -n "${daemon:-}" ]; then nsenter --net="/proc/$daemon/ns/net" -- "$@"; else "$@"; fi
}
