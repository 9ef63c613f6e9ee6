# make book: build the course.  make test: prove it.  make check: test the code alone, in minutes.  All set everything
# up by themselves.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
UV := _build/uv/bin/uv
CHECK_PYTHON = @$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Python 3.11, 3.12 or 3.13 is needed, this is " + sys.version.split()[0] + ": install one (book/setup.md says how) and name it, such as make PYTHON=python3.12")'

# What the tests and the stored notebook outputs stand on: the embedded sample, whatever the shell has set.  The matrices
# are small, and two threads of BLAS would wait for each other.
SAMPLE := env -u SKIN_DATA -u SKIN_SUBSET -u SKIN_PRECISION SKIN_TIER=quick SKIN_CACHE="$(CURDIR)/_build/cache" \
	SKIN_RUNS="$(CURDIR)/_build/runs" SKIN_WEIGHTS=random TF_CPP_MIN_LOG_LEVEL=3 OPENBLAS_NUM_THREADS=1

# The tests of the code, with the examples in the helpers' docstrings, on two cores.
UNIT := $(SAMPLE) $(BIN)/pytest -n 2 --dist worksteal --durations=15 --doctest-modules helpers tests --ignore tests/test_book.py

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: $(READY) ## Run the notebooks and build the book into _build/html
	$(BIN)/python tools/book.py

check: $(READY) ## Lint, and test the helpers and the tools: for the everyday loop
	$(BIN)/ruff check .
	$(UNIT)

test: $(READY) ## Test everything: what check does, the notebooks on the embedded sample, and the book they make
	$(BIN)/ruff check .
	$(UNIT) --cov --cov-report=term-missing:skip-covered
	$(SAMPLE) $(BIN)/python tools/book.py
	$(SAMPLE) $(BIN)/pytest tests/test_book.py

test-all: test kit $(UV) ## Also test what takes minutes and a registry: Colab's versions, the kit without a network
	$(BIN)/pytest tests -m long

kit: book ## Pack book, notebooks, packages, data (SKIN_DATA) and weights (SKIN_WEIGHTS) for a room without a network
	$(BIN)/python tools/kit.py

lab: $(READY) ## Open the notebooks in JupyterLab
	$(BIN)/jupyter lab --notebook-dir=notebooks

notebooks: $(READY) ## Regenerate notebooks/*.ipynb and the learner edition from notebooks/src
	$(SAMPLE) $(BIN)/python tools/notebooks.py

bench: book ## Run the benchmarks (needs SKIN_DATA, npm and Chromium) and record them in benchmarks/results
	for script in benchmarks/*.py; do $(BIN)/python "$$script" || exit 1; done

lock: $(READY) $(UV) ## Resolve requirements.lock anew from pyproject.toml
	$(UV) pip compile --quiet --universal --upgrade --all-extras --no-annotate --no-header \
		--python-version 3.11 --no-emit-index-url --output-file requirements.lock pyproject.toml

repository: ## Give the course another address: make repository URL=https://github.com/me/fork
	$(CHECK_PYTHON)
	$(PYTHON) tools/repository.py $(URL)

clean: ## Remove what the other commands made here, but for your run records
	rm -rf .venv _build .pytest_cache .ruff_cache .coverage *.egg-info

$(READY): requirements.lock pyproject.toml
	$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(UV):
	$(PYTHON) -m venv _build/uv
	_build/uv/bin/pip install --quiet --disable-pip-version-check uv

.PHONY: help book check test test-all kit lab notebooks bench lock repository clean
