#!/bin/sh
# One collection for all buckets of SeaweedFS (docs/engines/seaweedfs.md), then the gateway's configuration for
# it. Can be run again. MASTER is the address of SeaweedFS's master.
set -eu
buckets='-locationPrefix=/buckets -collection=buckets -fsync'
master="${MASTER:-127.0.0.1:9333}"

# The shell waits for a master that is not there, and ends with 0 whatever happens.
ask() { echo "$1" | timeout 15 weed shell -master="$master" 2>&1; }

# give_up WHY: Compose starts this container again (`restart: on-failure`). If SeaweedFS has restarted after it, that
# brings it into the right network: a container keeps the network that its service had when it started.
give_up() {
    printf '%s\nSeaweedFS could not be set up.\n' "$1" >&2
    exit 1
}

tries=0
until output="$(ask fs.configure)" && echo "$output" | grep -q '"collection": *"buckets"'; do
    tries=$((tries + 1))
    if [ "$tries" -ge 5 ]; then give_up "$output"; fi
    curl -fs -o /dev/null --retry 5 --retry-delay 1 --retry-connrefused "http://$master/cluster/healthz" ||
        give_up "No master answers at $master."
    ask "fs.configure $buckets -apply" >/dev/null || true
done
/bin/sh /configure-gateway.sh
echo "SeaweedFS has one collection for all buckets."
