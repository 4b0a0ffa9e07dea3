# The production image: the gateway alone, without the servers of `cloakroom dev`.
FROM rust:1.95-slim-trixie AS build
WORKDIR /src
# Dependencies get their own layer, so a change in src does not rebuild them.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && touch src/lib.rs && echo 'fn main() {}' >src/main.rs \
    && cargo build --release --locked --no-default-features \
    && cargo clean --release --locked --package cloakroom
COPY migrations migrations
COPY src src
RUN cargo build --release --locked --no-default-features

FROM debian:13-slim
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/cloakroom /usr/local/bin/cloakroom
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/cloakroom
USER 65532:65532
# The registry's SQLite file, unless database.url is set; the gateway writes nothing else.
WORKDIR /var/lib/cloakroom
VOLUME /var/lib/cloakroom
ENV CLOAKROOM_HTTP__ADDRESS=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s CMD ["cloakroom", "healthcheck"]
ENTRYPOINT ["cloakroom"]
CMD ["serve"]
