# `make` lists the commands. Needs Python >= 3.11 and make; everything else is installed below this folder.
PYTHON ?= python3
ENV    ?= environments/pilot.yaml
VENV   := .venv
BIN    := $(VENV)/bin
UV     := VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv
COMPILE := $(BIN)/uv pip compile -q --python $(BIN)/python --system-certs pyproject.toml --no-header \
	--extra check --extra local --extra report --group node --group test --group lint

export PYTHONDONTWRITEBYTECODE :=
# Why: nothing is written outside this folder.
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
export PIP_CACHE_DIR ?= $(CURDIR)/.cache/pip
export npm_config_cache ?= $(CURDIR)/.cache/npm
export JSII_RUNTIME_PACKAGE_CACHE_ROOT ?= $(CURDIR)/.cache/jsii

.DEFAULT_GOAL := help
.PHONY: help setup cdk synth demo kube test format lint golden requirements schema silicon bench scale clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.done node_modules/.done ## Install everything below this folder (once, 1-3 minutes)

$(VENV)/.done: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "disagg needs Python >= 3.11, this is %d.%d: make PYTHON=python3.11" % sys.version_info[:2])'
	@echo "setup: Python packages into $(VENV), a minute or two"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.9
	@$(UV) pip install -q --system-certs --compile-bytecode -r requirements.txt
	@$(UV) pip install -q --system-certs --no-deps --editable .
	@touch $@

node_modules/.done: package-lock.json $(VENV)/.done
	@echo "setup: CDK CLI into node_modules"
	@$(BIN)/python -m disagg.node ci
	@touch $@

cdk: setup ## Run the pinned CDK CLI: make cdk ARGS="deploy --all --app dist/pilot/stacks"
	@$(BIN)/python -m disagg.node cdk $(or $(ARGS),ls) -c env=$(ENV)

synth: setup ## Write templates and manifests of ENV to dist/, and let every engine judge them
	@$(BIN)/disagg synth $(ENV)

demo: setup ## Rehearse the whole deployment of ENV on this machine: no account, no GPU
	@$(BIN)/disagg demo $(ENV)

kube: setup ## Build the control plane of `disagg rehearse` with Go (once, about 10 minutes)
	@$(BIN)/python -m disagg.local.cluster

test: setup ## Run every test that needs nothing but the set-up
	@$(BIN)/pytest -q -n auto --maxprocesses 4 --dist worksteal --durations=40 --durations-min=5

format: setup ## Put the code into its form
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

lint: setup ## Style, types, layers, unused code and dependencies, stale generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .
	@$(BIN)/vulture
	@$(BIN)/codespell
	@for one in environment workload fleet; do $(BIN)/disagg schema $$one | cmp - schemas/$$one.schema.json || { echo "stale schema: make schema"; exit 1; }; done
	@cp requirements.txt .cache/requirements.txt && $(COMPILE) -o .cache/requirements.txt && cmp .cache/requirements.txt requirements.txt || (echo "stale requirements: make requirements"; exit 1)

golden: setup ## Rewrite the golden files; review the diff
	@$(BIN)/pytest -q --update-golden tests

schema: setup ## Rewrite the JSON schemas of environment, workload and fleet files
	@for one in environment workload fleet; do $(BIN)/disagg schema $$one > schemas/$$one.schema.json; done

requirements: ## Compile requirements.txt from pyproject.toml
	@$(COMPILE) -o requirements.txt

silicon: setup ## Error tables of the predictors on measured rows (installs aiconfigurator-core below .cache, 616 MB)
	@test -x .cache/silicon/bin/python || $(PYTHON) -m venv .cache/silicon
	@VIRTUAL_ENV=$(CURDIR)/.cache/silicon $(BIN)/uv pip install -q --system-certs --editable '.[silicon,report]'
	@.cache/silicon/bin/python benchmarks/validate.py
	@.cache/silicon/bin/python benchmarks/bands.py

scale: kube ## Measure the control plane with 100, 300 and 1,000 nodes (half an hour)
	@$(UV) pip install -q --system-certs --group bench
	@$(BIN)/python benchmarks/scale.py --plot docs/scale.svg

bench: setup ## Measure the tool against its peers, as ratios
	@$(UV) pip install -q --system-certs --group bench
	@$(BIN)/python benchmarks/speed.py

clean: ## Remove what was made here: dist, caches, the installation
	rm -rf dist cdk.out .cache $(VENV) node_modules
