#!/bin/sh
# One collection for all buckets of SeaweedFS (docs/engines/seaweedfs.md), then the gateway's configuration for
# it. Can be run again. MASTER is the address of SeaweedFS's master.
set -eu
buckets='-locationPrefix=/buckets -collection=buckets -fsync'

# The shell waits for a master that is not there, and ends with 0 whatever happens.
ask() { echo "$1" | timeout 30 weed shell -master="${MASTER:-127.0.0.1:9333}" 2>&1; }

tries=0
until output="$(ask fs.configure)" && echo "$output" | grep -q '"collection": *"buckets"'; do
    tries=$((tries + 1))
    if [ "$tries" -ge 5 ]; then
        printf '%s\nSeaweedFS could not be set up.\n' "$output" >&2
        exit 1
    fi
    ask "fs.configure $buckets -apply" >/dev/null || true
done
/bin/sh /configure-gateway.sh
echo "SeaweedFS has one collection for all buckets."
