# syntax=docker/dockerfile:1
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG PYTHON_IMAGE=python:3.13-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked

# The runtime is built here and copied whole: it needs no Python of the image that it's used in.
FROM ${PYTHON_IMAGE} AS runtime
COPY --from=build /src/target/release/python-executor /usr/local/bin/
RUN python-executor setup --cache-dir /opt/python-executor

FROM ${BASE_IMAGE}
# What the nsjail binary links to.
RUN apt-get update && apt-get install --yes --no-install-recommends libstdc++6 zlib1g && rm -rf /var/lib/apt/lists/*
COPY --from=build /src/target/release/python-executor /usr/local/bin/
COPY --from=runtime /opt/python-executor /opt/python-executor
ENV PYTHON_EXECUTOR_CACHE_DIR=/opt/python-executor PORT=8080
EXPOSE 8080
ENTRYPOINT ["python-executor"]
CMD ["serve"]
