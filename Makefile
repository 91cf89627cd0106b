# Fireline. Needs make and Python 3.11 or newer; everything else is installed into .venv from the lock files.
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench soak docs lock clean

# The first Python of at least 3.11; when there is none, scripts/setup_env.py says so with python3's own version.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	if "$$p" -c '$(NEW_ENOUGH)' 2>/dev/null; then echo "$$p"; exit; fi; done; echo python3)

VENV := .venv
BIN := $(VENV)/bin
OUT ?= out/live
FAULT ?=
PYTEST_ARGS ?=
SEEDS ?= 3000

# --upgrade: take the newest versions that fit. The files name packages and hashes, never where they came from.
COMPILE := $(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --generate-hashes --quiet \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

help: ## show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.stamp-demo ## real flights, a bad deploy, contained live; CI=1 ends by itself, FAULT=none leaves the bug out
	$(BIN)/fireline demo live $(if $(filter none,$(FAULT)),--no-fault,) $(if $(CI),--no-stay,) --out $(OUT)

test: lint ## lint, types, import rules, and the whole test suite but the soak
	$(BIN)/python -m pytest -n 2 -m "not soak" $(PYTEST_ARGS)

lint: $(VENV)/.stamp-dev ## style, types and the import rules, without the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.stamp-dev ## speed and detection figures on this machine (bench/README.md says what each means)
	$(BIN)/python -m bench

soak: $(VENV)/.stamp-dev ## the crash simulation over thousands of seeds; SEEDS=N
	FIRELINE_SOAK_SEEDS=$(SEEDS) FIRELINE_HYPOTHESIS=thorough $(BIN)/python -m pytest -n 2 -m soak $(PYTEST_ARGS)

docs: $(VENV)/.stamp-dev ## build the documentation into site/, strictly
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lock: $(VENV)/.stamp-dev ## resolve the lock files anew from pyproject.toml
	$(COMPILE) pyproject.toml lock/build.in --extra dev -o lock/dev.txt
	$(COMPILE) pyproject.toml lock/build.in --extra demo -c lock/dev.txt -o lock/demo.txt

clean: ## remove what was built, and the virtual environment
	rm -rf $(VENV) out site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.stamp-demo: lock/demo.txt pyproject.toml
	@$(PYTHON) scripts/setup_env.py demo
	@touch $@

# The development set contains the demo's, in the same versions.
$(VENV)/.stamp-dev: lock/dev.txt pyproject.toml
	@$(PYTHON) scripts/setup_env.py dev
	@touch $@ $(VENV)/.stamp-demo
