# syntax=docker/dockerfile:1
# The environment is made where there are tools, and runs where there are none: no shell, no package manager.
# Nothing is written outside of /tmp and /var/lib/translator, so the root file system may be read-only.
# Both stages have Debian's own Python at the same path, which the environment points to.

FROM debian:trixie-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils ca-certificates python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock ./
RUN python3.13 -m venv /opt/translator \
    && /opt/translator/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY templates ./templates
COPY translator ./translator
RUN /opt/translator/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps . \
    && /opt/translator/bin/pip uninstall --yes --disable-pip-version-check pip
# What is never loaded: the Kubernetes client's model of every kind (we speak JSON; they are imported one by one, on
# demand), zstandard's second implementation, debugging symbols. Of 220 MB, 75 MB stay.
RUN cd /opt/translator/lib/python3.13/site-packages \
    && find kubernetes -type f \( -path '*/models/*' -o -path '*/api/*' \) -not -name '__init__*' -delete \
    && rm -f zstandard/_cffi*.so \
    && find . -name '*.so' -exec strip --strip-unneeded {} + \
    && /opt/translator/bin/python -c 'import brotli, hera.workflows, kubernetes.aio.config, opentelemetry.sdk.trace, zstandard; from kubernetes.aio.client import Configuration, rest' \
    && mkdir -p /var/lib/translator

FROM gcr.io/distroless/python3-debian13:nonroot
LABEL org.opencontainers.image.title="translator" \
      org.opencontainers.image.description="Runs CODO's cloud tasks on Argo Workflows" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/translator /opt/translator
COPY --from=build --chown=65532:65532 /var/lib/translator /var/lib/translator
ENV PATH=/opt/translator/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TRANSLATOR_DATA_DIR=/var/lib/translator
USER 65532:65532
WORKDIR /tmp
VOLUME ["/var/lib/translator"]
EXPOSE 8080
ENTRYPOINT ["translator"]
CMD ["serve"]
