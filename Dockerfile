# The image that docker-compose.yml runs: workers, beat, Flower and the command line.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

# What Microsoft's ODBC driver, which comes as a Python package, wants from the system.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libltdl7 libkrb5-3 libgssapi-krb5-2 \
    && rm -rf /var/lib/apt/lists/*

# The pinned packages first: this layer changes only when the pins do.
COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt

# Editable, because the spec file and the migrations are found beside the package.
COPY pyproject.toml requirements.in README.md ./
COPY replica_worker replica_worker
COPY migrations migrations
COPY docs docs
COPY scripts scripts
RUN pip install --no-deps --no-build-isolation --editable .

# The volume of the archive takes its owner from this folder when it is made.
RUN useradd --system --no-create-home replica \
    && install -d -o replica -g replica -m 0700 /var/lib/replica/exports
USER replica

CMD ["replica", "--help"]
