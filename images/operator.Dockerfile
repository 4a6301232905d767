# The operator: AsyncActor objects to queues, workloads and scaling.
ARG BASE=docker.io/denoland/deno:2.9.6

FROM ${BASE} AS build
ENV DENO_V8_FLAGS=--lite-mode,--max-semi-space-size=2
WORKDIR /src
COPY . .
RUN deno run -A images/bundle.ts /app operator \
  && cp images/start /app/ \
  && mkdir -p /app/runtime/python /app/runtime/node \
  && cp runtime/python/asya_runtime.py /app/runtime/python/ \
  && cp runtime/node/asya_runtime.mjs /app/runtime/node/ \
  && DENO_DIR=/app/cache deno run -A --no-config --no-lock images/warm.ts /app \
  && chmod -R a+rX /app

FROM docker.io/library/debian:12-slim
ARG VERSION=dev
LABEL org.opencontainers.image.title="asya-operator" \
  org.opencontainers.image.description="Turns AsyncActor objects into queues, workloads and autoscaling" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /usr/bin/deno /usr/bin/deno
COPY --from=build /tini /usr/bin/tini
COPY --from=build /app /app
ENV DENO_V8_FLAGS=--lite-mode,--max-semi-space-size=2 \
  DENO_NO_UPDATE_CHECK=1 \
  DENO_NO_PROMPT=1 \
  NO_COLOR=1 \
  HOME=/tmp
WORKDIR /tmp
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/usr/bin/tini", "--", "/bin/sh", "/app/start", "operator"]
