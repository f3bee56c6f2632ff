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
    RECSYS_HOME=/weights

USER 10001
WORKDIR /state
VOLUME ["/state", "/weights"]
EXPOSE 8080
STOPSIGNAL SIGTERM

# Alive, not ready: a restart mends a process that hangs, not a database that is away.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/livez', timeout=4)"]

# Inside a container loopback reaches nobody; what reaches the port is decided by `-p`.
ENTRYPOINT ["recsys", "serve"]
CMD ["/bundle", "--host", "0.0.0.0", "--port", "8080", "--store", "sqlite:////state/recsys.db"]
