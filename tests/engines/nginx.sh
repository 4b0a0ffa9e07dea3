#!/usr/bin/env bash
# nginx (Debian) with TLS under a private certificate authority, on loopback: `nginx.sh start DIR`,
# `nginx.sh stop DIR`. Runs the example of deploy/nginx in front of the gateway, and plain
# proxies in front of Keycloak (KEYCLOAK_PORT) and the store (STORE_PORT). Writes DIR/gateway.env, DIR/ca.pem.
set -euo pipefail

action="$1" dir="$(mkdir -p "$2" && cd "$2" && pwd)"
port="${NGINX_PORT:-8443}" keycloak="${KEYCLOAK_PORT:-8180}" store="${STORE_PORT:-7480}"
gateway="${GATEWAY_PORT:-8090}"
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$here/server.sh"

stop() { stop_by "$dir/pid"; }

certificates() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=a private authority" \
        -addext basicConstraints=critical,CA:TRUE -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost \
        -keyout "$dir/server.key" -out "$dir/server.csr" 2>/dev/null
    openssl x509 -req -in "$dir/server.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -days 2 \
        -extfile <(echo "subjectAltName=DNS:localhost") -out "$dir/server.pem" 2>/dev/null
}

# proxy PORT TARGET
proxy() {
    cat <<EOF
    server {
        listen 127.0.0.1:$1 ssl;
        ssl_certificate $dir/server.pem;
        ssl_certificate_key $dir/server.key;
        client_max_body_size 0;
        location / {
            proxy_pass http://127.0.0.1:$2;
            proxy_http_version 1.1;
            proxy_set_header Host \$http_host;
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Forwarded-Host \$http_host;
        }
    }
EOF
}

start() {
    certificates
    # The documented example, except for names and ports.
    sed -e "s|listen 443 ssl|listen 127.0.0.1:$port ssl|" \
        -e "s|storage-authorization.example.com|localhost|" \
        -e "s|/etc/ssl/certs/cloakroom.pem|$dir/server.pem|" \
        -e "s|/etc/ssl/private/cloakroom.key|$dir/server.key|" \
        -e "s|127.0.0.1:8080|127.0.0.1:$gateway|" \
        "$here/../../deploy/nginx/cloakroom.conf" >"$dir/example.conf"
    {
        echo "daemon off; pid $dir/pid; error_log $dir/log;"
        echo "events {}"
        echo "http {"
        echo "    access_log off;"
        for kind in client_body proxy fastcgi uwsgi scgi; do echo "    ${kind}_temp_path $dir/$kind;"; done
        echo "    include $dir/example.conf;"
        proxy $((port + 1)) "$keycloak"
        proxy $((port + 2)) "$store"
        echo "}"
    } >"$dir/nginx.conf"
    nginx -c "$dir/nginx.conf" -p "$dir" -e "$dir/log" &
    for _ in $(seq 100); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            cat >"$dir/gateway.env" <<EOF
export CLOAKROOM_HTTP__PUBLIC_URL=https://localhost:$port
export CLOAKROOM_HTTP__TRUSTED_PROXIES=127.0.0.1/32
export CLOAKROOM_OAUTH__DISCOVERY_URL=https://localhost:$((port + 1))/realms/cloakroom
export CLOAKROOM_OAUTH__CA_FILE=$dir/ca.pem
export CLOAKROOM_STORAGE__ENDPOINT=https://localhost:$((port + 2))
export CLOAKROOM_STORAGE__CA_FILE=$dir/ca.pem
EOF
            return
        fi
        sleep 0.1
    done
    echo "nginx: no answer on port $port; see $dir/log" >&2
    return 1
}

"$action"
