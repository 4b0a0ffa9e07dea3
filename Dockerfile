# The production image: the gateway alone, without the servers of `cloakroom dev`.
FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY migrations migrations
COPY src src
RUN cargo build --release --locked --no-default-features

FROM debian:12.12-slim
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/cloakroom /usr/local/bin/cloakroom
# Writes nothing but its registry, and not even that with PostgreSQL.
USER 65532:65532
WORKDIR /var/lib/cloakroom
ENV CLOAKROOM_HTTP__ADDRESS=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s CMD ["cloakroom", "healthcheck"]
ENTRYPOINT ["cloakroom"]
CMD ["serve"]
