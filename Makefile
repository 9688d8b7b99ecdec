# The verbs of the project, the same here and in CI. Each needs only Python 3.11 and the package index.

PYTHON ?= python3
PORT ?= 8080
SEEDS ?= 1000
FIRST ?= 0
BIN := .venv/bin

define install
@command -v $(PYTHON) >/dev/null || { echo "Batuta needs Python 3.11 or newer, and there is no \`$(PYTHON)\` here:" \
	"install it, on Debian with \`sudo apt-get install python3 python3-venv\`." >&2; exit 1; }
@$(PYTHON) scripts/install.py
endef

.PHONY: help run test check format lock bench simulate clean

help: ## list the verbs
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

run: ## start a server with the examples, and run the getting-started pipeline on it
	$(install) run
	@$(BIN)/python examples/getting-started/pipeline.py --port $(PORT)

test: check ## check the code, and run all tests
	$(BIN)/python -m pytest

check: ## lint, format, types, import contracts
	$(install) test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: ## put the code into its form
	$(install) test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## choose the exact versions anew
	$(install) test
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--upgrade --no-annotate --no-header --no-emit-index-url --no-emit-package batuta --quiet -o ci/constraints.txt

bench: ## measure the figures we promise
	$(install) test
	$(BIN)/python -m bench.run

simulate: ## run simulated servers with faults: SEEDS=100000 FIRST=0
	$(install) test
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST)

clean: ## remove what the verbs made
	rm -rf .venv .batuta .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
