# Sourced: programs that Go builds from its module proxy, once for all suites.

binaries="${XDG_CACHE_HOME:-$HOME/.cache}/cloakroom/bin"
minio_version="v0.0.0-20260212201848-7aac2a2c5b7c" # its last release, as source
mc_version="v0.0.0-20250313080218-cf909e1063a9"
weed_version="v0.0.0-20261109003541-7506e5f91cd6"

# go_tool NAME MODULE VERSION PACKAGE [FLAG…]: builds it, unless this version is there, as the main module,
# so that its `replace` lines have an effect.
go_tool() {
    local folder
    if [ -x "$binaries/$1" ] && [ "$(cat "$binaries/$1.version" 2>/dev/null)" = "$3" ]; then return; fi
    type -P go >/dev/null || { echo "no Go for $1" >&2; return 1; }
    mkdir -p "$binaries"
    folder="$(cd / && go mod download -json "$2@$3" | jq -r '.Dir // (.Error + "\n" | halt_error)')" || return
    CGO_ENABLED=0 GOFLAGS="-buildvcs=false -mod=readonly" go build -C "$folder" -trimpath \
        -ldflags "-s -w ${*:5}" -o "$binaries/$1.new" "$4" || return
    mv "$binaries/$1.new" "$binaries/$1"
    echo "$3" >"$binaries/$1.version"
}

# engine_binary minio|mc|weed: prints its path. MINIO_BIN, with mc beside it, and WEED_BIN win; else it is
# built; where that fails, for which the reason goes to standard error, the one on PATH serves.
engine_binary() {
    local given=""
    case "$1" in
    minio) given="${MINIO_BIN:-}" ;;
    mc) given="${MINIO_BIN:+$(dirname "$(type -P "$MINIO_BIN")")/mc}" ;;
    weed) given="${WEED_BIN:-}" ;;
    esac
    if [ -n "$given" ]; then
        type -P "$given" || { echo "$given is no program" >&2; return 1; }
        return
    fi
    case "$1" in
    minio) go_tool minio github.com/minio/minio "$minio_version" . ;;
    mc) go_tool mc github.com/minio/mc "$mc_version" . ;;
    weed) go_tool weed github.com/seaweedfs/seaweedfs "$weed_version" ./weed ;;
    esac && echo "$binaries/$1" || type -P "$1"
}
