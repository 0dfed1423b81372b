# Everyday tasks. `make run` and `make test` do all the set-up that they need.
BIN := .venv/bin
NEEDS := setup.cfg pyproject.toml constraints.txt tools/install-package
MAKEFLAGS += --no-print-directory

.DEFAULT_GOAL := help
.PHONY: help run test test-fast check fmt bench faults demo-mail constraints servers

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: .venv/.installed ## start the service with the demo region; Ctrl+C stops it
	@exec $(BIN)/supportdesk run --demo

demo-mail: .venv/.installed ## send real messages into the running service and watch them routed
	@exec $(BIN)/supportdesk demo-mail

test: servers check ## set up, check, and run the whole suite
	@exec $(BIN)/python -m pytest --numprocesses auto

test-fast: .venv/.installed-for-tests ## run what needs no server and no browser
	@exec $(BIN)/python -m pytest --numprocesses auto -m "not server and not browser"

check: .venv/.installed-for-tests ## lint, types, import contracts, migrations against models
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest tests/db/test_migrations.py tests/db/test_migration_rules.py -m "not server"

fmt: .venv/.installed-for-tests ## sort imports, mend what the linter can, format
	@$(BIN)/ruff check --fix --quiet
	@$(BIN)/ruff format

bench: .venv/.installed-for-tests ## measure intake, decisions and pages; prints machine and versions
	@exec $(BIN)/python -m bench

faults: servers .venv/.installed-for-tests ## break everything at random on both databases; prints what was lost
	@exec $(BIN)/python -m tests.faults.campaign

constraints: ## renew constraints.txt: the newest releases that setup.cfg allows
	@rm -rf build/constraints && python3 -m venv build/constraints
	@build/constraints/bin/pip install --quiet --editable '.[test]'
	@{ grep '^#' constraints.txt; build/constraints/bin/pip freeze --exclude-editable; } \
		>build/constraints.txt
	@mv build/constraints.txt constraints.txt

servers:
	@tools/install-servers

.venv/.installed: $(NEEDS)
	@tools/install-package .
	@touch $@

.venv/.installed-for-tests: $(NEEDS)
	@tools/install-package '.[test]'
	@touch $@ .venv/.installed
