# Each target does its own set-up in .venv, which takes no time when nothing has changed since.
# Without make: python3 -m venv .venv, then .venv/bin/pip install -e '.[dev]', then the commands below.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
READY := $(VENV)/.ready
# Half of the suite's time is waiting: four processes fill two cores. PYTEST_FLAGS come last, so "-n 0" is one process.
# The tests start hundreds of programs: where bytecode is not kept, each of them compiles all of ours.
TEST_PROCESSES ?= 4
PYTEST_FLAGS ?=
SOAK_MINUTES ?= 12

.DEFAULT_GOAL := help
.PHONY: run test check lint bench soak clean help lock translations system-packages compiled

run: $(READY) ## start a whole mesh on this machine: coordinator, two nodes, tray app (ONCE=1: send requests, then exit)
	@$(BIN)/python -m coordinator_server.demo $(if $(ONCE),--once)

test: system-packages compiled lint ## set up, lint, check types and run every test (with CI=true a skipped test is a failure)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist worksteal $(PYTEST_FLAGS)

# Each of the processes would compile all tests for itself: one does so while types are checked, which leaves a core.
compiled: $(READY)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --collect-only -qq -p no:cacheprovider >/dev/null 2>&1 &

lint: $(READY) ## check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(READY) ## measure: run every script in bench/
	@set -e; found=; for script in bench/*.py; do \
	    [ -e "$$script" ] || continue; \
	    found=yes; echo "== $$script"; $(BIN)/python "$$script"; \
	done; [ -n "$$found" ] || echo "There are no benchmarks in bench/ yet."

soak: $(READY) ## put a mesh under load while all that it stands on is killed, halted, cut off or filled (as root; SOAK_MINUTES=12)
	@$(BIN)/python bench/churn.py
	@$(BIN)/python -m tests.soak.chaos --minutes $(SOAK_MINUTES)

lock: $(READY) ## write installers/requirements.lock anew: the versions that installers carry
	@installers/write_lock.sh $(BIN)/python

translations: $(READY) ## collect the app's texts into resources/translations and compile those that are translated
	@installers/translations.sh $(BIN)/python

clean: ## remove the virtual environment, caches and build outputs
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## show this
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 15

system-packages:
	@installers/debian_test_packages.sh

$(READY): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	    echo "There is no '$(PYTHON)' here. Install Python 3.11 or newer, or name yours: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "RMA Mesh needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1). Name another: make PYTHON=python3.13" >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV) || { \
	    echo "Python's venv module does not work here. On Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	@echo "Setting up $(VENV) (once; a few minutes on a slow line) ..." >&2
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)
