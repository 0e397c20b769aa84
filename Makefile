# Everything that is done with this repository by hand or by a machine; `make` alone lists it.

VENV ?= .venv
BIN := $(VENV)/bin
TEST_WORKERS ?= 3
UP_ARGS = $(if $(PORT),--port $(PORT)) $(if $(DATA_DIR),--data-dir $(DATA_DIR)) $(ARGS)

export PYTHON TORCH_INDEX

.DEFAULT_GOAL := help
.PHONY: help run test check format client schema bench figures simulate audit drill-fresh-clone drill-sockets lock clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  PORT=9000 DATA_DIR=/path   where `make run` listens and keeps its data'
	@echo '  ARGS="--json --empty"      further arguments of `personalization up`, pytest or the benchmarks'
	@echo '  PYTHON=python3.12          the interpreter behind $(VENV) (default: the newest of 3.11 to 3.13 that works)'
	@echo '  TORCH_INDEX=URL            a further package index; give the one with CPU builds of PyTorch to spare'
	@echo '                             yourself the CUDA build and its gigabytes where that is the default'

run: $(VENV)/.installed ## Start everything on this machine: database, cache, demo data, model, API, worker
	@exec $(BIN)/personalization up $(UP_ARGS)

test: $(VENV)/.installed-dev ## Run the tests, slow ones and drills aside
	@$(BIN)/pytest -n $(TEST_WORKERS) --dist loadfile -m "not slow and not drill" $(ARGS)

check: $(VENV)/.installed-dev ## Check format, lint, types, import contracts and the exported schema
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/personalization schema --check

format: $(VENV)/.installed-dev ## Format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

client: $(VENV)/.installed-dev ## Write the typed methods of clients/python from its operations and the schema
	$(BIN)/python -m clients.generate

schema: $(VENV)/.installed-dev ## Write schema.graphql from the code
	$(BIN)/personalization schema

bench: $(VENV)/.installed-dev ## Measure, and print each figure beside its floor
	$(BIN)/python -m benchmarks $(ARGS)

figures: $(VENV)/.installed-dev ## Measure recommendations by all protocols on DATA=FOLDER, and write docs/evaluation
	$(BIN)/python -m benchmarks.evaluation --data $(DATA) $(ARGS)

simulate: $(VENV)/.installed-dev ## Measure what the statistics of experiments promise, and write docs/experiments
	$(BIN)/python -m benchmarks.simulation $(ARGS)

audit: $(VENV)/.installed-dev ## Look up known vulnerabilities of the locked packages, check their licences, look for secrets
	$(BIN)/python tests/drills/dependency_audit.py
	$(BIN)/python tests/drills/secrets_scan.py

drill-fresh-clone: ## Clone into an empty folder, `make run`, ask, stop, look for leftovers
	@python3 tests/drills/fresh_clone.py $(ARGS)

drill-sockets: $(VENV)/.installed-dev ## Open 1,000 sockets, let 100 stall, watch the server's memory
	@$(BIN)/pytest -q -m drill tests/drills/test_stalled_sockets.py $(ARGS)

lock: ## Write constraints.txt anew from the newest packages that pyproject.toml allows
	@.ci/lock

clean: ## Remove caches and build outputs; the environment and .data stay
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

$(VENV)/.installed: pyproject.toml constraints.txt
	@.ci/install $(VENV) training
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt
	@.ci/install $(VENV) training,dev
	@touch $(VENV)/.installed $@
