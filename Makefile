# The chores of the project. `make` lists them; each sets up .venv first where that has not been done.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
JOBS   ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
CODE   := src tests $(wildcard bench docs)
PYTEST := $(BIN)/python -m pytest -q -n $(JOBS) --dist=worksteal

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test test-pg check format format-check lint types contracts docs docs-check screenshots bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo '  ARGS="…" is handed on: make test ARGS="-k forecast"'

setup: $(STAMP) ## make .venv with the project and its tools

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "crmcli needs Python 3.11 or newer: make PYTHON=python3.11 setup" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python cannot make a virtual environment; on Debian and Ubuntu install the package python3-venv." >&2; exit 1; }
	@echo "Setting up $(VENV) (once) ..."
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev,postgres]'
	@touch $@

demo: setup ## try the program on made-up data
	@$(BIN)/crm demo $(ARGS)

test: setup ## run the tests on SQLite
	@echo "== tests on SQLite"
	@CRMCLI_TEST_DB=sqlite $(PYTEST) $(ARGS)

test-pg: setup ## run the same tests on PostgreSQL
	@echo "== tests on PostgreSQL"
	@CRMCLI_TEST_DB=postgresql $(PYTEST) $(ARGS)

check: format-check lint types contracts docs-check test test-pg ## all that must pass before a change goes in

format: setup ## lay out the code
	@$(BIN)/ruff check --quiet --select I --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

format-check: setup
	@echo "== format"
	@$(BIN)/ruff format --check --quiet $(CODE) || { echo "make format lays these out" >&2; exit 1; }

lint: setup ## look for likely bugs and forbidden imports
	@echo "== lint"
	@$(BIN)/ruff check --quiet $(CODE)

types: setup ## check the types
	@echo "== types"
	@$(BIN)/mypy --no-error-summary

contracts: setup ## check who imports whom
	@echo "== contracts"
	@$(BIN)/lint-imports --no-logo --no-cache

docs: setup ## write the generated pages anew
	@$(BIN)/python docs/generate.py $(ARGS)

docs-check: setup
	@echo "== docs"
	@test ! -f docs/generate.py || $(BIN)/python docs/generate.py --check

screenshots: setup ## draw the pictures of the docs anew
	@$(BIN)/python docs/screenshots.py

bench: setup ## measure whole commands against named peers
	@$(BIN)/python -m bench.run $(ARGS)

clean: ## remove caches and builds
	@rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find src tests bench docs -name __pycache__ -type d -prune -exec rm -rf {} +
