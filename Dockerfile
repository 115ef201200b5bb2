# A coordinator of an RMA Mesh. Build and start it with compose.yaml; docs/operator.md tells more.
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
RUN python -m venv /opt/rma-mesh
ENV PATH=/opt/rma-mesh/bin:${PATH} PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The exact versions, with hashes, that all installers carry; what only tray app and workers need stays out.
COPY installers/requirements.lock ./
RUN awk '/^[a-z]/ { out = /^(bm25s|lxml|numpy|nvidia-ml-py|phonenumbers|pypdfium2|pyside6-essentials|python-docx|qasync|shiboken6|zxing-cpp)==/ } !out' requirements.lock > coordinator.lock \
 && python -m pip install --no-deps --require-hashes --only-binary :all: -r coordinator.lock
# The one thing that is not in it, and not in the image either: what puts our own code into a package.
RUN echo 'setuptools==80.9.0 --hash=sha256:062d34222ad13e0cc312a4c02d73f059e86a4acbfbdea8f8f76b28c99f306922' > build.lock \
 && python -m venv /build && /build/bin/python -m pip install --no-deps --require-hashes -r build.lock
COPY pyproject.toml README.md LICENSE ./
COPY coordinator_server coordinator_server
COPY node node
COPY resources resources
RUN /build/bin/python -m pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
 && python -m pip install --no-deps --no-index /wheels/*.whl

FROM ${PYTHON}
# The ids are fixed, so that the owner of a volume stays the same.
RUN groupadd --gid 10001 rma-mesh \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/rma-mesh --shell /usr/sbin/nologin rma-mesh \
 && install -d -m 0700 -o 10001 -g 10001 /var/lib/rma-mesh
COPY --from=build /opt/rma-mesh /opt/rma-mesh
# Nebula is not in the image, so the private network is off: workers come by the relay, or by addresses of their own.
ENV PATH=/opt/rma-mesh/bin:${PATH} PYTHONUNBUFFERED=1 \
    RMA_DATA_DIR=/var/lib/rma-mesh RMA_HOST=0.0.0.0 RMA_PORT=8080 RMA_VPN=off
USER 10001:10001
VOLUME /var/lib/rma-mesh
EXPOSE 8080/tcp 8468/udp
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:8080/ready', timeout=4)"]
ENTRYPOINT ["rma-mesh-coordinator"]
CMD ["serve"]
