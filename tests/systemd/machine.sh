# Sourced by `run`: a systemd as the first process of its own namespaces (boot.sh).

# start_machine: sets $why where there is none.
start_machine() {
    local tool
    why=""
    for tool in unshare nsenter ip curl jq runuser systemctl; do
        type -P "$tool" >/dev/null || why="no $tool"
    done
    [ "$(id -u)" = 0 ] || why="not root"
    [ -x /lib/systemd/systemd ] || why="no systemd"
    unshare --pid --mount --net --cgroup --fork true 2>/dev/null || why="no namespaces can be made here"
    [ -z "$why" ] || return 1
    make_groups
    [ "${#groups[@]}" -gt 0 ] || { why="no control group can be made here"; return 1; }
    sh -c 'for one in $1; do echo $$ >"$one/cgroup.procs"; done; shift; exec "$@"' - "${groups[*]}" \
        unshare --pid --mount --ipc --uts --net --cgroup --fork --kill-child --mount-proc \
        "$here/boot.sh" "$bin" "$units" "$work" >"$work/boot.log" 2>&1 &
    unshared=$!
    until_ machine_is_up || { why="systemd does not come up: $(tail -n 1 "$work/boot.log")"; return 1; }
}

# make_groups: a control group of its own in each hierarchy, below which systemd makes its own.
make_groups() {
    local controllers path mounted
    while IFS=: read -r _ controllers path; do
        mounted="/sys/fs/cgroup/${controllers#name=}"
        if [ -z "$controllers" ] && [ -d /sys/fs/cgroup/unified ]; then mounted=/sys/fs/cgroup/unified; fi
        mkdir "$mounted$path/$group" 2>/dev/null || continue
        groups+=("$mounted$path/$group")
        # These two are empty at first, and then take no process.
        if [ "$controllers" = cpuset ]; then
            cat "$mounted$path/cpuset.cpus" >"${groups[-1]}/cpuset.cpus"
            cat "$mounted$path/cpuset.mems" >"${groups[-1]}/cpuset.mems"
        fi
    done </proc/self/cgroup
}

machine_is_up() {
    machine="$(tr -d ' ' <"/proc/$unshared/task/$unshared/children")"
    [ -n "$machine" ] && [ "$(cat "/proc/$machine/comm")" = systemd ] && inside systemctl show --property=Version
}

# inside COMMAND…: runs it in the machine.
inside() { nsenter --target "$machine" --all -- "$@"; }

stop_machine() {
    if [ -n "${unshared:-}" ]; then
        # Its first process ends with it, and every other one with that.
        kill -9 "$unshared" 2>/dev/null || true
        wait "$unshared" 2>/dev/null || true
    fi
    # The kernel keeps the control groups of ended processes.
    local one
    for one in "${groups[@]}"; do
        for _ in $(seq 50); do
            find "$one" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [ -d "$one" ] || break
            sleep 0.1
        done
    done
}
