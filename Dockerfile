# Lightscore. Build: docker build -t lightscore .    Run: docs/guides/deploy.md
#
# Debian 13, because the binaries of uWebSockets.js for Node 22 and later need glibc 2.38.
# test/container/prove.sh carries these steps out in a plain Debian 13 tree, reading them from this file.
# By digest, so that two builds have one base. A newer one:
#   docker buildx imagetools inspect node:24-trixie-slim
ARG NODE_IMAGE=node:24-trixie-slim@sha256:8ec5d7557396cfe32d21c3f9c13072355ceab22b584578ca4bb28af31120cffe

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev
COPY deploy/container/prune.mjs deploy/container/
RUN node deploy/container/prune.mjs node_modules

# On top of the stage before, whose npm cache it reuses.
FROM dependencies AS build
RUN npm ci
COPY build.mjs tsconfig.json ./
COPY src src
COPY workers workers
RUN node build.mjs

FROM ${NODE_IMAGE}
LABEL org.opencontainers.image.title="lightscore" \
      org.opencontainers.image.description="LightGBM scoring server over HTTP, bit-identical to LightGBM" \
      org.opencontainers.image.licenses="MIT"
ENV NODE_ENV=production \
    MODEL_DIR=/models
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json ./
COPY deploy/container/healthcheck.mjs ./

# In numbers: Kubernetes cannot tell that a name is not root's. Nothing below / belongs to it that the image needs to
# change.
USER 1000:1000
EXPOSE 8000
STOPSIGNAL SIGTERM
# Alive, not ready: Swarm and compose restart what is unhealthy, and a restart does not bring a store back.
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 CMD ["node", "/app/healthcheck.mjs"]
# The exec form makes the server process 1, which gets the signals and ends on them from its first moments. It starts no
# other process, so no init is needed; `docker run --init` covers the 50 ms in which Node itself starts, too.
ENTRYPOINT ["node", "/app/dist/src/cli.js"]
CMD ["serve"]
