# syntax=docker/dockerfile:1
# One recipe, two images: `api` serves and carries no training library, `worker` trains.
ARG PYTHON_VERSION=3.13

FROM python:${PYTHON_VERSION}-slim AS build
# An index with CPU builds of PyTorch keeps the worker's image free of CUDA.
ARG TORCH_INDEX=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python -m venv /opt/personalization
COPY . .
RUN /opt/personalization/bin/pip install --constraint constraints.txt .

FROM build AS build-worker
RUN /opt/personalization/bin/pip install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} \
    --constraint constraints.txt ".[training]"

FROM python:${PYTHON_VERSION}-slim AS runtime
# implicit and numpy share one OpenMP library, which the slim image lacks.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /var/lib/personalization --create-home --shell /usr/sbin/nologin personalization \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/personalization-journal
ENV PATH=/opt/personalization/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PERSONALIZATION_ENVIRONMENT=production \
    PERSONALIZATION_HOST=0.0.0.0 \
    PERSONALIZATION_PORT=8080 \
    PERSONALIZATION_DATA_DIR=/var/lib/personalization \
    PERSONALIZATION_JOURNAL_DIR=/var/lib/personalization-journal
WORKDIR /var/lib/personalization
USER 10001:10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["personalization"]

FROM runtime AS worker
COPY --from=build-worker /opt/personalization /opt/personalization
CMD ["worker"]

FROM runtime AS api
COPY --from=build /opt/personalization /opt/personalization
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
CMD ["api"]
