SHELL := /bin/sh
PYTHON := .venv/bin/python
export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/.tools/node_modules/.bin:$(PATH)
export REFLEX_TELEMETRY_ENABLED := false
export REFLEX_CHECK_LATEST_VERSION := false
export ANONYMIZED_TELEMETRY := False
# Each start of a process would compile every package anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help up test test-full check dev bench bench-retrieval e2e pictures diagrams lock migration run-tools test-tools

help: ## List the commands
	@grep -E '^[a-z0-9-]+:.*##' Makefile | sort | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

run-tools:
	@scripts/bootstrap.sh run

test-tools:
	@scripts/bootstrap.sh test

up: run-tools ## Start the whole platform with a demo tenant
	@exec $(PYTHON) -m platform_app.cli up

dev: test-tools ## The same with hot reload of console and worker
	@exec $(PYTHON) -m platform_app.cli up --dev

test: test-tools ## Run every test; T="-k chat" chooses
	@$(PYTHON) -m tests.run $(T)

test-full: test-tools ## The same in full size: all on PostgreSQL, all themes and widths, long chaos
	@PLATFORM_TEST_FULL=1 $(PYTHON) -m tests.run $(T)

e2e: test-tools ## Run the browser tests alone; T="-k chat" chooses
	@$(PYTHON) -m pytest tests/e2e $(T)

pictures: test-tools ## Take the pictures in docs anew
	@folder=$$(mktemp -d) && PLATFORM_TEST_FULL=1 PLATFORM_PICTURES=$$folder $(PYTHON) -m pytest -q tests/e2e/test_pages.py -k no_page_has && \
	for name in dashboard contacts contact leads lead agents agent knowledge talk trace jobs scripts script guided rules rule rules-runs run events event sequences sequence enrollments; do cp $$folder/$$name-light-en-1440.png docs/pictures/$$name.png; done && \
	cp $$folder/dashboard-dark-ru-1440.png docs/pictures/dashboard-dark-ru.png; rm -rf $$folder

diagrams: test-tools ## Draw the flows of docs/architecture.md anew
	@$(PYTHON) scripts/diagrams.py

check: test-tools ## Lint, types, import contracts
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports

bench: test-tools ## Measure; figures go to docs/benchmarks.md by hand
	@$(PYTHON) -m tests.bench

bench-retrieval: test-tools ## Measure retrieval alone, on the questions next to the repository
	@$(PYTHON) -m tests.bench.bench_retrieval

migration: test-tools ## Write a revision: make migration m="what changed"
	@folder=$$(mktemp -d) && PLATFORM_DATABASE_URL= PLATFORM_DATA_DIR=$$folder $(PYTHON) -m platform_app.cli migrate --message "$(m)"; rm -rf "$$folder"

lock: ## Lock the Python packages anew from pyproject.toml
	@uv=$$(scripts/bootstrap.sh uv | tail -1) && \
	$$uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.txt && \
	$$uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --group dev -o requirements-dev.txt
