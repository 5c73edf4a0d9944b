# syntax=docker/dockerfile:1
# Builds the service's image in two stages: the environment is made where there are tools, and runs where there are
# none. Non-root, nothing written outside /tmp and /var/lib/translator (mount them), so the root may be read-only.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /src
COPY requirements.lock ./
RUN python -m venv /opt/translator \
    && /opt/translator/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY templates ./templates
COPY translator ./translator
RUN /opt/translator/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps . \
    && /opt/translator/bin/pip uninstall --yes --disable-pip-version-check pip

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="translator" \
      org.opencontainers.image.description="Runs CODO's cloud tasks on Argo Workflows" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/translator /opt/translator
ENV PATH=/opt/translator/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /tmp
VOLUME ["/var/lib/translator"]
EXPOSE 8080
ENTRYPOINT ["translator"]
CMD ["serve"]
