# Each target works alone on a fresh machine with Python 3.11+ and make.
# `make demo PYTHON=python3.12` picks another interpreter for the first installation.
PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
EXTRAS := text,implicit,mlflow,serve,llm,sweep,ann,tune,browser,dev
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Threads that wait by spinning slow down whatever else runs on a small machine.
PASSIVE := OMP_WAIT_POLICY=PASSIVE
# Processes of the quick tests. A file's tests stay in one of them, and share what it trained;
# the order is that of the files, because the quickest come last.
WORKERS ?= 2
SIDE_BY_SIDE := -n $(WORKERS) --dist loadfile --no-loadscope-reorder
# One thread a process: on small machines more threads cost more than they bring.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-ray lint weights gpu-check clean

help: ## Show this list
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  %-12s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Create .venv and install everything, pinned (the others do it when needed)

demo: $(INSTALLED) ## Real data to recommendations with blurbs, in one command
	$(PASSIVE) $(BIN)/recsys demo

test: lint weights ## Lint, types, import rules and all quick tests, with coverage
	$(ONE_THREAD) $(BIN)/python -m pytest $(SIDE_BY_SIDE) --cov

test-slow: $(INSTALLED) weights ## The tests that take minutes
	$(ONE_THREAD) $(BIN)/python -m pytest -m slow

test-ray: $(INSTALLED) ## The tests on a Ray cluster of two nodes, which they start here
	$(PIP) install -q -c constraints.txt -e '.[ray]'
	$(ONE_THREAD) $(BIN)/python -m pytest -m ray tests/experiments/cluster

lint: $(INSTALLED) ## Style, formatting, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

weights: $(INSTALLED) ## Fetch the default model weights into the cache, once
	@$(BIN)/recsys weights fetch || \
		echo "WARNING: no model weights; the tests that need them will skip themselves" >&2

gpu-check: $(INSTALLED) ## Tests marked gpu and a small CPU-against-CUDA benchmark
	$(BIN)/python -m pytest -m gpu
	$(BIN)/python -m experiments.benchmarks.gpu_check

clean: ## Remove the environment and every cache inside this folder
	rm -rf $(VENV) build dist htmlcov .coverage .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing into $(VENV), a few minutes the first time."
	$(PIP) install -c constraints.txt -e '.[$(EXTRAS)]'
	@$(PIP) install -c constraints.txt 'rectools-lightfm>=1.17.3' || { \
		echo "WARNING: LightFM could not be built, everything else works without it."; \
		echo "         To add it, install a C compiler and Python's headers (Debian, Ubuntu:"; \
		echo "         apt-get install build-essential python3-dev), then run"; \
		echo "         $(BIN)/pip install -c constraints.txt rectools-lightfm"; } >&2
	@touch $@

$(BIN)/pip:
	@command -v $(PYTHON) >/dev/null || { \
		echo "ERROR: no $(PYTHON) found; install Python 3.11 or newer," \
			"or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "ERROR: $(PYTHON) is $$($(PYTHON) --version 2>&1), recsys needs Python 3.11 or newer;" \
			"name another: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "ERROR: $(PYTHON) cannot create environments;" \
			"on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
