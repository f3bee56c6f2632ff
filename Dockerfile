# The service, in two stages: the first builds an environment, the second holds nothing else.
#
#     docker build -t recsys .
#     docker run --rm -p 127.0.0.1:8080:8080 -v "$PWD/bundles/shop:/bundle:ro" -v state:/state recsys
#
# On Linux pip takes PyTorch with CUDA, a few gigabytes. For a machine without a GPU, hand the
# build the address of PyTorch's CPU packages: --build-arg PIP_EXTRA_INDEX_URL=...
# Secrets come at run time, by environment or mounted files; never as build arguments.

FROM python:3.11-slim-bookworm AS build

ARG PIP_EXTRA_INDEX_URL=""
ARG EXTRAS="serve,text"
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /src
RUN python -m venv /opt/recsys
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY recsys recsys
COPY training training
COPY serving serving
COPY experiments experiments
RUN /opt/recsys/bin/pip install --constraint constraints.txt ".[${EXTRAS}]"


FROM python:3.11-slim-bookworm AS service

# A user without a shell, a password or a home; its number is fixed for volumes' owners.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin recsys \
    && mkdir -p /state /weights \
    && chown recsys:recsys /state /weights
COPY --from=build /opt/recsys /opt/recsys

ENV PATH=/opt/recsys/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    OMP_NUM_THREADS=1 \
    RECSYS_HOME=/weights \
    RECSYS_SERVE_HOST=0.0.0.0 \
    RECSYS_SERVE_PORT=8080 \
    RECSYS_SERVE_STORE=sqlite:////state/recsys.db

USER 10001
WORKDIR /state
VOLUME ["/state", "/weights"]
EXPOSE 8080
STOPSIGNAL SIGTERM

# Alive, not ready: a restart mends a process that hangs, not a database that is away.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os; from urllib.request import urlopen; urlopen(f\"http://127.0.0.1:{os.environ['RECSYS_SERVE_PORT']}/livez\", timeout=4)"]

# Settings come from the environment, above, so that `-e RECSYS_SERVE_STORE=...` changes them:
# flags here would win over it. Inside a container loopback reaches nobody, hence the host;
# what reaches the port is decided by `-p`.
ENTRYPOINT ["recsys", "serve"]
CMD ["/bundle"]
