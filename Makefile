# Two commands: `make run` and `make test`. Both do their own set-up; `make help` lists the rest.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run setup test lint journeys shots lock words

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

run: setup ## set everything up and start it here, for development (PORT=8000)
	@BFF_DEVELOPMENT=$${BFF_DEVELOPMENT:-1} exec $(BIN)/python -m bff up $(if $(PORT),--port $(PORT))

setup: ## only the set-up: packages, web/vendor, translations
	@$(PYTHON) tools/set_up.py

test: ## the whole gate: linters, types, floors, unit tests, browser journeys
	@$(PYTHON) tools/set_up.py --dev --browser
	@$(MAKE) --no-print-directory checks
	$(BIN)/python -m pytest tests --ignore=tests/journeys --numprocesses=$(or $(WORKERS),auto) --dist=loadfile
	$(BIN)/python -m pytest tests/journeys

lint: ## style, types and floors
	@$(PYTHON) tools/set_up.py --dev
	@$(MAKE) --no-print-directory checks

.PHONY: checks
checks:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(if $(wildcard tests/web/*.test.mjs),$$($(PYTHON) tools/set_up.py --which-node) --test $(wildcard tests/web/*.test.mjs))

words: ## bring the catalogue of translations in line with the code; says what is not translated yet
	@$(PYTHON) tools/set_up.py
	@$(BIN)/python tools/words.py
	@$(PYTHON) tools/set_up.py

journeys: ## the browser journeys alone
	@$(PYTHON) tools/set_up.py --dev --browser
	$(BIN)/python -m pytest tests/journeys

shots: ## the pictures of README, taken from the real app
	@$(PYTHON) tools/set_up.py --dev --browser
	$(BIN)/python -m tests.journeys.shots

.PHONY: vectors
vectors: ## the conformance vectors of docs/evidence-format.md, in tests/vectors; made anew they are the same bytes
	@$(PYTHON) tools/set_up.py --dev
	$(BIN)/python -m tests.signing.vectors

.PHONY: bench-peers
bench-peers: ## the Node libraries that `python -m bench.sealing` measures beside ours
	cd bench/peers && npm ci --ignore-scripts

.PHONY: fuzz
fuzz: ## fuzz the readers of strangers' bytes for a bounded time (SECONDS=60 for each of four)
	@$(PYTHON) tools/set_up.py --dev
	$(BIN)/uv pip install --quiet --require-hashes --no-deps -r requirements-fuzz.lock
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),60)

LOCK := $(BIN)/uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11
lock: ## lock the packages anew: `make lock`, or `make lock UPGRADE=1` for newer versions
	@$(PYTHON) tools/set_up.py
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml -o requirements.lock
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml --group test --group bench -o requirements-dev.lock
	$(if $(UPGRADE),echo atheris,grep -o '^atheris==[0-9.]*' requirements-fuzz.lock) | $(LOCK) --no-annotate - -o requirements-fuzz.lock
	$(if $(UPGRADE),echo uv,grep -o '^uv==[0-9.]*' requirements-uv.lock) | $(LOCK) --no-annotate - -o requirements-uv.lock
	npm install --ignore-scripts --package-lock-only
