# Everything a newcomer needs has a name here; `make help` lists it. CI runs the very same names.
# Needs only make and a Python of 3.11 or newer; uv is used where it is installed.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
CODE := domain adapters activities workflows api web ops
COMPILE := $(BIN)/uv pip compile pyproject.toml requirements/build.in --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --quiet

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@printf '\n  Options of the commands go into ARGS: make run ARGS="--port 9000 --no-demo"\n'

.PHONY: setup
setup: $(VENV)/.run-stamp ## Make .venv with everything the product needs (leaves .venv/bin/holdfast)

.PHONY: run
run: setup ## Start everything with a demonstration company; Ctrl-C stops it
	@exec $(BIN)/holdfast up $(ARGS)

.PHONY: test
test: $(VENV)/.dev-stamp ## Run every test (ARGS="tests/domain -k calendar" for some)
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: check
check: $(VENV)/.dev-stamp ## Format, lint, types, import contracts, templates, catalogues
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint web/templates --lint --quiet
	$(BIN)/python -m ops.catalogues
	$(BIN)/python -m ops.vendor --check

.PHONY: fmt
fmt: $(VENV)/.dev-stamp ## Put code and templates into shape
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

.PHONY: bench
bench: setup ## Measure against the budgets (ARGS="contact --json")
	@$(BIN)/holdfast bench $(ARGS)

.PHONY: lock
lock: $(VENV)/.dev-stamp ## Choose the newest versions of all requirements, with hashes
	$(COMPILE) --upgrade --extra embedded --output-file requirements/run.txt
	$(COMPILE) --upgrade --extra embedded --extra dev --constraint requirements/run.txt --output-file requirements/dev.txt
	@! grep -n '://' requirements/*.txt || { echo 'A lock names an address; it must not.'; exit 1; }

# What is installed follows the locks: a changed lock makes its stamp old.

$(VENV)/.run-stamp: requirements/run.txt pyproject.toml | $(BIN)/python
	@$(call install,requirements/run.txt)
	@touch $@

$(VENV)/.dev-stamp: requirements/dev.txt pyproject.toml | $(BIN)/python
	@$(call install,requirements/dev.txt)
	@touch $@ $(VENV)/.run-stamp

define install
echo 'Installing $(1) ...'; \
if command -v uv > /dev/null; then \
  uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes --requirement $(1); \
  uv pip install --quiet --python $(BIN)/python --no-build-isolation --no-deps --editable .; \
else \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(1); \
  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .; \
fi; \
$(BIN)/python -m compileall -q $(CODE)
endef

$(BIN)/python:
	@found=; \
	for python in $${PYTHON:-} python3 python3.13 python3.12 python3.11; do \
	  if command -v "$$python" > /dev/null && "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; \
	  then found="$$python"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo 'Holdfast needs Python 3.11 or newer; install it, or name it: make PYTHON=/path/to/python3 ...' >&2; exit 1; \
	fi; \
	"$$found" -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "$$found cannot make a virtual environment; install its venv package (Debian: apt install python3-venv)." >&2; exit 1; }
