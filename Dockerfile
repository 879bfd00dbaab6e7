# Everything is built in the first stage; the second carries neither node nor bun nor uv.
FROM node:22-slim AS node

FROM python:3.11-slim AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && pip install --no-cache-dir uv
WORKDIR /app
COPY requirements.txt ./
RUN uv venv .venv && VIRTUAL_ENV=/app/.venv uv pip sync --no-cache --require-hashes requirements.txt
COPY scripts scripts
COPY pyproject.toml README.md rxconfig.py ./
COPY reflex.lock reflex.lock
COPY assets assets
COPY platform_app platform_app
COPY worker worker
RUN VIRTUAL_ENV=/app/.venv uv pip install --no-cache --no-deps --editable . \
    && npm install --prefix .tools --no-save bun@1.4.4 \
    && .venv/bin/gpt-agents build \
    && rm -rf .tools data .web/node_modules

FROM python:3.11-slim
RUN useradd --uid 10001 --create-home platform && mkdir /data && chown platform /data
WORKDIR /app
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PLATFORM_DATA_DIR=/data \
    PLATFORM_HOST=0.0.0.0 \
    PLATFORM_WORKER_HOST=0.0.0.0 \
    PLATFORM_HOOKS_HOST=0.0.0.0 \
    REFLEX_STATES_WORKDIR=/tmp/states
USER platform
VOLUME /data
EXPOSE 8000 8002 3001
CMD ["gpt-agents", "web"]
