#!/bin/bash
# Stands in for entrypoint.sh of the image `seaweedfs`: the part that docker-compose.yml uses. As there, the
# server runs as another user than root, and in Go's mode for FIPS 140-3.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then
    chown -R seaweed:seaweed /data
    exec setpriv --reuid seaweed --regid seaweed --init-groups "$0" "$@"
fi
GODEBUG=fips140=on exec weed -logtostderr=true "$1" -dir=/data "${@:2}"
