#!/bin/bash
# Stands in for docker-entrypoint.sh of the image `minio`.
[ "${1:-}" = minio ] || set -- minio "$@"
exec "$@"
