#!/bin/sh
# Puts the configuration for the store that was chosen where the gateway reads it.
set -eu
config="${CONFIG:-/config}"
cp "${STORE:-/store.toml}" "$config/new"
# Otherwise a power cut could keep the name and lose the content.
sync
mv "$config/new" "$config/gateway.toml"
