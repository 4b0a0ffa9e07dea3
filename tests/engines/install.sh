# Sourced by .ci/run, tests/engines/run and tests/load: installs what is not on this machine.

cache="${XDG_CACHE_HOME:-$HOME/.cache}/cloakroom"
venv="$cache/python"

# programs NAME…: those that are missing come from Debian's packages.
programs() {
    local name packages=()
    for name in "$@"; do
        case "$name" in
        # Debian keeps it off PATH.
        initdb) if compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; then continue; fi ;;
        # Of Debian's version, whatever else is on PATH.
        aws | rclone) if [ -x "/usr/bin/$name" ]; then continue; fi ;;
        venv) if python3 -c 'import ensurepip' 2>/dev/null; then continue; fi ;;
        *) if type -P "$name" >/dev/null; then continue; fi ;;
        esac
        case "$name" in
        aws) packages+=(awscli) ;;
        c++) packages+=(g++) ;;
        ceph-mon | radosgw) packages+=(ceph-mon ceph-mgr ceph-osd radosgw ceph-common) ;;
        chromedriver) packages+=(chromium-driver) ;;
        dockerd) packages+=(docker.io) ;;
        initdb) packages+=(postgresql) ;;
        ip) packages+=(iproute2) ;;
        mvn) packages+=(maven) ;;
        nginx) packages+=(nginx-light) ;;
        perf) packages+=(linux-perf) ;;
        promtool) packages+=(prometheus) ;;
        strip) packages+=(binutils) ;;
        systemd-analyze) packages+=(systemd) ;;
        uuidgen) packages+=(uuid-runtime) ;;
        venv) packages+=(python3-venv) ;;
        *) packages+=("$name") ;;
        esac
    done
    if [ "${#packages[@]}" = 0 ]; then return; fi
    if [ "$(id -u)" != 0 ]; then
        echo "missing; as root: apt-get install --no-install-recommends ${packages[*]}" >&2
        return 1
    fi
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}" >/dev/null
}

python_clients() {
    programs venv
    [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$(dirname "${BASH_SOURCE[0]}")/requirements.txt"
}

# axe_core: the checker of accessibility that tests/console/page.py runs in the browser.
axe_core() {
    local version=4.14.1
    if grep -qs "\"version\": \"$version\"" "$cache/console/node_modules/axe-core/package.json"; then return; fi
    npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$cache/console" "axe-core@$version"
}
