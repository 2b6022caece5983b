# One image with three binaries: tenantry, tenantry-api, tenantry-worker.
# Both base images are arguments, so that a mirror or an image of one's own will do.
ARG RUST_IMAGE=rust:1.95-slim-trixie
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot

FROM ${RUST_IMAGE} AS chef
WORKDIR /src
# The checked SQL is built from .sqlx/: no database while building.
ENV SQLX_OFFLINE=true CARGO_TERM_COLOR=never
RUN cargo install --locked cargo-chef@0.1.78

FROM chef AS planner
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM chef AS builder
# Dependencies first: this layer is built again only when one of them changes.
COPY --from=planner /src/recipe.json recipe.json
RUN cargo chef cook --locked --release --recipe-path recipe.json --package cli
COPY . .
# What `--version` says, such as "0.1.0 (1a2b3c4)"; empty: the version alone.
ARG TENANTRY_VERSION=
RUN cargo build --locked --release --package cli --bins

FROM ${RUNTIME_IMAGE} AS runtime
COPY --from=builder /src/target/release/tenantry /src/target/release/tenantry-api /src/target/release/tenantry-worker /usr/local/bin/
# By number, so that an orchestrator can see that it is not root.
USER 65532:65532
ENV TENANTRY_PROFILE=production
# 8080: the API. 8081: a worker's health and metrics.
EXPOSE 8080 8081
# No shell and no curl in here: `tenantry health URL` is the health check.
ENTRYPOINT ["/usr/local/bin/tenantry"]
CMD ["--help"]
