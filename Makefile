# Everything a developer runs. `make` alone lists the targets.
# Needs make and Python 3.11 or later; the rest goes into .venv, from requirements.lock.

PYTHON ?=
PYTEST_ARGS ?=
WORKERS ?= 2
FUZZ ?= 1000000
SEED ?= $(shell date +%s)
DEMO_ARGS ?=
LOCK_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq --no-deps --no-build-isolation
CHECKED := pyproject.toml requirements.lock

.DEFAULT_GOAL := help
.PHONY: help install demo test fuzz coverage check format lock clean
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv and install the locked dependencies
	@:

demo: $(STAMP) ## run the whole chain on this machine (DEMO_ARGS="...")
	@$(BIN)/flightwire demo $(DEMO_ARGS)

test: $(STAMP) ## run the tests (PYTEST_ARGS="-k join -x", WORKERS=0 for one process)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST_ARGS)

fuzz: $(STAMP) ## try a million inputs on every feed format (SEED=..., FUZZ=...; about two hours)
	@$(BIN)/python -m pytest -n $(WORKERS) tests/unit/filters/test_fuzz.py --fuzz $(FUZZ) --seed $(SEED)

coverage: $(STAMP) ## run the tests and list the lines and branches they miss
	@$(BIN)/coverage run -m pytest -n 0 $(PYTEST_ARGS)
	@$(BIN)/coverage report

check: $(STAMP) ## formatting, lint, types and the template, all four even if one fails
	@status=0; \
	$(BIN)/ruff format --check . || status=1; \
	$(BIN)/ruff check . || status=1; \
	$(BIN)/mypy || status=1; \
	$(BIN)/cfn-lint infra/template.yaml || status=1; \
	exit $$status

format: $(STAMP) ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

lock: $(STAMP) ## rewrite requirements.lock after a change (LOCK_ARGS=--upgrade for newer versions)
	@$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
	  --fork-strategy fewest --generate-hashes --custom-compile-command "make lock" \
	  --quiet --output-file requirements.lock $(LOCK_ARGS)
	@echo "lock: now run 'make test', and docs/dependencies.md if a direct dependency changed"

clean: ## remove .venv, caches and everything built
	@rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find filters pipeline replay schemas tests -type d -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# setuptools goes first and alone: one locked package is a source archive, and pip builds before it installs.
$(STAMP): $(CHECKED)
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
	  found=; for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "flightwire needs Python 3.11 or later; $(or $(PYTHON),python3) is: $$($(or $(PYTHON),python3) --version 2>&1)" >&2; \
	    echo "Install a newer one, or name it: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; \
	  fi; \
	  $$found -m venv --clear --prompt flightwire $(VENV); \
	fi
	@echo "Installing the locked dependencies into $(VENV) (only when they change; about a minute)" >&2
	@awk '/^[^ #]/ { on = /^setuptools==/ } on' requirements.lock > $(VENV)/setuptools.lock
	@$(PIP) --require-hashes -r $(VENV)/setuptools.lock
	@$(PIP) --require-hashes --use-pep517 -r requirements.lock
	@$(PIP) --editable .
	@touch $@
