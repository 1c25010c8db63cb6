# Everything here sets itself up: a fresh clone needs Python 3.11+, make and a package registry.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
COMPILE := pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --python-version 3.11

.PHONY: help setup setup-dev demo lint test bench bench-sqlserver chaos lock audit clean

help: ## say what there is to make
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

setup: ## install what the product needs into .venv
	@scripts/bootstrap.sh run

setup-dev: ## install what tests and checks need, too
	@scripts/bootstrap.sh dev

demo: setup ## show it working on this machine with its own servers (ARGS="..." are passed on)
	@exec $(BIN)/replica demo $(ARGS)

lint: setup-dev ## check format, style and types
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --strict replica_worker scripts benchmarks

test: lint ## lint, then run all tests (ARGS="..." are passed to pytest)
	@exec $(BIN)/pytest $(ARGS)

bench: setup-dev ## measure the product beside other tools (ARGS="--rows 60000 --days 3" is quick)
	@test -x .venv-bench/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python .venv-bench
	@$(BIN)/uv pip install --quiet --require-hashes -p .venv-bench/bin/python -r benchmarks/requirements.txt
	@exec $(BIN)/python -m benchmarks --peers .venv-bench/bin/python $(ARGS)

bench-sqlserver: setup-dev ## measure the SQL Server engine beside bare loops over its driver (REPLICA_TEST_MSSQL_URL)
	@exec $(BIN)/python -m benchmarks.sqlserver

chaos: setup-dev ## kill things at random under a backfill (SECONDS=60 SEED=random CHUNKS=2000)
	@CHAOS_SECONDS=$(or $(SECONDS),60) CHAOS_SEED=$(or $(SEED),$$RANDOM) \
		CHAOS_CHUNKS=$(or $(CHUNKS),2000) exec $(BIN)/pytest -n 0 -s tests/faults/test_chaos.py

lock: setup-dev ## pin the newest versions of requirements*.in, with hashes
	@$(BIN)/uv $(COMPILE) requirements.in -o requirements.txt
	@$(BIN)/uv $(COMPILE) requirements-dev.in -o requirements-dev.txt
	@$(BIN)/uv $(COMPILE) benchmarks/requirements.in -o benchmarks/requirements.txt
	@echo uv | $(BIN)/uv $(COMPILE) - -o scripts/installer.txt

audit: setup-dev ## check the pins, and compare them with the list of known weaknesses
	@$(BIN)/pytest -q tests/unit/test_lock.py
	@$(BIN)/python scripts/audit.py

clean: ## remove what can be made again: .venv, caches, build folders
	@rm -rf .venv .venv-bench build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
