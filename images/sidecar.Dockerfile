# The sidecar of an actor, and the system actors: its argument is `sidecar` or `crew`;
# `send` puts one envelope on a queue.
ARG BASE=docker.io/denoland/deno:2.9.6

FROM ${BASE} AS build
ENV DENO_V8_FLAGS=--wasm-tiering-budget=1000,--max-semi-space-size=4
WORKDIR /src
COPY . .
RUN deno run -A images/bundle.ts /app sidecar crew send \
  && cp images/start /app/ \
  && DENO_DIR=/app/cache deno run -A --no-config --no-lock images/warm.ts /app \
  && chmod -R a+rX /app

FROM docker.io/library/debian:12-slim
ARG VERSION=dev
LABEL org.opencontainers.image.title="asya-sidecar" \
  org.opencontainers.image.description="Carries envelopes between an actor's queue and its handler" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /usr/bin/deno /usr/bin/deno
COPY --from=build /tini /usr/bin/tini
COPY --from=build /app /app
ENV DENO_V8_FLAGS=--wasm-tiering-budget=1000,--max-semi-space-size=4 \
  DENO_NO_UPDATE_CHECK=1 \
  DENO_NO_PROMPT=1 \
  NO_COLOR=1 \
  HOME=/tmp
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/tini", "--", "/bin/sh", "/app/start"]
CMD ["sidecar"]
