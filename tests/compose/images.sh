# Sourced by `run`: makes images with the names in docker-compose.yml and the Dockerfile from Debian's
# packages, Maven Central and the Go module proxy. They have the users, folders and entry points of the
# real ones and, where it matters, lack the same tools.

compose_version="v2.40.3"

image_names() {
    {
        compose --profile '*' config --format json | jq -r '.services[] | select(.build | not) | .image'
        awk '$1 == "FROM" { print $2 }' "$root/Dockerfile"
    } | sort -u
}

keycloak_zip() {
    local name="keycloak-quarkus-dist-$1.zip"
    # Maven prints colours even when it is quiet.
    [ -f "${cache%/compose}/keycloak/$name" ] || mvn -q dependency:copy >&2 \
        -DoutputDirectory="${cache%/compose}/keycloak" -Dartifact="org.keycloak:keycloak-quarkus-dist:$1:zip"
    echo "${cache%/compose}/keycloak/$name"
}

# debian NAME PACKAGES [OPTION…]: makes an image that only has these packages.
debian() {
    local name="$1" packages="$2"
    shift 2
    mmdebstrap --quiet --variant=minbase --format=tar --include="$packages" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
        "$@" "$suite" - 2>"$work/mmdebstrap.${name//[:\/]/-}" | docker import - "$name" >/dev/null ||
        { cat "$work/mmdebstrap.${name//[:\/]/-}"; return 1; }
}

# image NAME: builds the Dockerfile on standard input with the files in $context.
image() {
    # Newer clients need another package for the other builder.
    DOCKER_BUILDKIT=0 docker build --quiet --network none --tag "$1" --file - "$context" >"$work/image" 2>&1 ||
        { cat "$work/image"; return 1; }
}

# keep_images: removes everything but the images, which the next run uses.
keep_images() {
    docker ps --all --quiet | xargs -r docker rm --force --volumes
    docker system prune --force --volumes
}

# make_images: makes the images unless an earlier run made them by this recipe.
make_images() {
    local names name binary="$1"
    names="$(image_names)"
    suite="$(sed -n 's/^FROM debian:13.*/trixie/p' "$root/Dockerfile")"
    [ -n "$suite" ] || { fail "no Debian release is known for the Dockerfile's base"; return 1; }
    stamp="$(printf '%s\n' "$names" | cat - "$here/images.sh" "$here/../engines/binaries.sh" "$here"/images/* | sha256sum | cut -c1-16)"
    if ! docker image inspect "cloakroom-stand-ins:$stamp" >/dev/null 2>&1; then
        echo "images are made, which takes some minutes"
        docker system prune --all --force --volumes >/dev/null
        debian cloakroom-stand-ins:full postgresql,default-jre-headless,curl,openssl,ca-certificates \
            --essential-hook='echo "postgres:x:999:999::/var/lib/postgresql:/bin/bash" >>"$1/etc/passwd"' \
            --essential-hook='echo "postgres:x:999:" >>"$1/etc/group"' \
            --customize-hook='rm -rf "$1"/var/lib/postgresql/*' &
        local full=$!
        debian cloakroom-stand-ins:slim ca-certificates
        wait "$full"
        for name in $names; do stand_in "$name"; done
        docker tag cloakroom-stand-ins:slim "cloakroom-stand-ins:$stamp"
    fi
    for name in $names; do say_stand_in "$name"; done
    compiler "$(printf '%s\n' "$names" | grep '^rust:')" "$binary"
}

say_stand_in() {
    case "$1" in
    postgres:*) echo "stand-in: $1 is PostgreSQL of Debian ($suite) with an entry point of ours" ;;
    */keycloak:*) echo "stand-in: $1 is Keycloak ${1##*:} of Maven Central with a Java of Debian ($suite)" ;;
    */minio:*) echo "stand-in: $1 is MinIO $minio_version and mc $mc_version, built by Go" ;;
    */seaweedfs:*) echo "stand-in: $1 is SeaweedFS $weed_version, built by Go" ;;
    */curl:*) echo "stand-in: $1 is curl of Debian ($suite)" ;;
    debian:*) echo "stand-in: $1 is made from Debian's packages ($suite)" ;;
    rust:*) echo "stand-in: $1 has no compiler: its cargo gives the image the debug build that is tested here" ;;
    esac
}

stand_in() {
    context="$work/context"
    rm -rf "$context"
    mkdir "$context"
    case "$1" in
    postgres:*) postgres_image "$1" ;;
    */keycloak:*) keycloak_image "$1" ;;
    */minio:*) minio_image "$1" ;;
    */seaweedfs:*) seaweedfs_image "$1" ;;
    */curl:*) curl_image "$1" ;;
    debian:*) slim_image "$1" ;;
    rust:*) ;;
    *) fail "there is no stand-in for $1"; return 1 ;;
    esac
    rm -rf "$context"
}

postgres_image() {
    local major folder=/var/lib/postgresql/data
    major="${1#*:}" major="${major%%[.-]*}"
    [ "$major" -lt 18 ] || folder=/var/lib/postgresql
    cp "$here/images/postgres.sh" "$context/docker-entrypoint.sh"
    image "$1" <<END
FROM cloakroom-stand-ins:full
RUN install -d -o postgres -g postgres -m 1777 $folder && install -d -o postgres -g postgres -m 3777 /run/postgresql
COPY docker-entrypoint.sh /usr/local/bin/
ENV PATH=/usr/lib/postgresql/$major/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
ENV PGDATA=$([ "$major" -lt 18 ] && echo "$folder" || echo "$folder/$major/docker")
RUN postgres --version | grep -q ' $major\.'
VOLUME $folder
STOPSIGNAL SIGINT
ENTRYPOINT ["docker-entrypoint.sh"]
CMD ["postgres"]
END
}

keycloak_image() {
    unzip -q "$(keycloak_zip "${1##*:}")" -d "$context"
    mkdir -p "$context/keycloak-${1##*:}/data"
    chmod -R g+rwX "$context"
    image "$1" <<END
FROM cloakroom-stand-ins:full
RUN echo keycloak:x:1000:0:keycloak:/opt/keycloak:/usr/sbin/nologin >>/etc/passwd && rm /usr/bin/curl
COPY --chown=1000:0 keycloak-${1##*:} /opt/keycloak
ENV LANG=C.UTF-8 KC_RUN_IN_CONTAINER=true
USER 1000
ENTRYPOINT ["/opt/keycloak/bin/kc.sh"]
END
}

# Like the real one, it lacks the tools that the other images have.
minio_image() {
    cp "$(engine_binary minio)" "$(engine_binary mc)" "$context"
    cp "$here/images/minio.sh" "$context/docker-entrypoint.sh"
    image "$1" <<END
FROM cloakroom-stand-ins:full
RUN rm /usr/bin/*grep /usr/bin/sed /usr/bin/*awk /usr/bin/find /usr/bin/tar /usr/bin/perl* /usr/bin/openssl
COPY minio mc docker-entrypoint.sh /usr/bin/
ENV MC_CONFIG_DIR=/tmp/.mc MINIO_ROOT_USER_FILE=access_key MINIO_ROOT_PASSWORD_FILE=secret_key
VOLUME /data
ENTRYPOINT ["/usr/bin/docker-entrypoint.sh"]
CMD ["minio"]
END
}

seaweedfs_image() {
    cp "$(engine_binary weed)" "$context/weed"
    cp "$here/images/seaweedfs.sh" "$context/entrypoint.sh"
    image "$1" <<END
FROM cloakroom-stand-ins:full
RUN echo seaweed:x:1000:1000::/home/seaweed:/bin/sh >>/etc/passwd && echo seaweed:x:1000: >>/etc/group
COPY weed /usr/bin/
COPY entrypoint.sh /
RUN install -d -o seaweed -g seaweed /data
VOLUME /data
WORKDIR /data
ENTRYPOINT ["/entrypoint.sh"]
END
}

curl_image() {
    image "$1" <<END
FROM cloakroom-stand-ins:full
USER 100
ENTRYPOINT ["curl"]
END
}

slim_image() {
    image "$1" <<END
FROM cloakroom-stand-ins:slim
RUN rm -rf /etc/ssl/certs/ca-certificates.crt
CMD ["bash"]
END
}

# compiler NAME BINARY: makes a new image for each binary.
compiler() {
    context="$work/context"
    rm -rf "$context"
    mkdir "$context"
    strip --strip-debug -o "$context/cloakroom" "$2"
    cp "$here/images/cargo" "$context"
    image "$1" <<END
FROM cloakroom-stand-ins:slim
COPY cloakroom /usr/local/share/
COPY cargo /usr/local/bin/
END
    rm -rf "$context"
}
