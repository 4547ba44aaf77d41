# Every target builds what it needs. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON_IN := .venv/bin/python
export PYTHON
# An image that sets it would let each process compile the thousand modules of Airflow anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help environment demo test airflow lint histories mutants browser pictures docs build versions newer-releases faults limits celery \
	connections backfill alerts webhooks cool-down examples pins vendor-client bench bench-short constraints clean

help:
	@awk -F ':.*## |##@ ' '/^##@ / { printf "\n%s\n", $$2 } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' \
		$(MAKEFILE_LIST)

environment:
	@scripts/environment.sh

##@ Try it

demo: environment  ## Run an example DAG in Airflow against the local sandbox
	@$(PYTHON_IN) -m scripts.demo

airflow: environment  ## Airflow's UI, example DAGs and sandbox, until Ctrl+C (DAGS=folder of your own, PORT=8080, SANDBOX_PORT=8765)
	@exec $(PYTHON_IN) -m scripts.airflow_ui $(if $(DAGS),--dags "$(DAGS)") $(if $(PORT),--port $(PORT)) \
		$(if $(SANDBOX_PORT),--sandbox-port $(SANDBOX_PORT))

##@ Maintain it

test: environment  ## Run the tests that need only Python (PYTEST_ADDOPTS=--cov measures coverage)
	@.venv/bin/pytest --numprocesses=6 --dist=worksteal

lint: environment  ## Check style and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

histories: environment  ## Simulate histories of a task (COUNT=1000000 SEED=1 KIND=messages, people): nothing twice, no wrong ID
	@$(PYTHON_IN) -m tests.histories --kind $(or $(KIND),groups) --count $(or $(COUNT),20000) --seed $(or $(SEED),1)

mutants: environment  ## Break the engine in each of several ways, and see that simulated histories find it
	@.venv/bin/pytest --numprocesses=2 tests/histories/check_mutants.py

browser: environment  ## Look at Airflow's UI, newest and 2.11, in a headless Chromium
	@scripts/browser.sh tests

pictures: environment  ## Make the pictures of the docs anew
	@scripts/browser.sh pictures

docs: environment  ## Build the documentation into docs/_build/html, every warning an error
	@.venv/bin/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky --fresh-env --jobs auto \
		-d docs/_build/doctrees docs docs/_build/html
	@$(PYTHON_IN) scripts/check_docs.py

build: environment  ## Build the wheel and the sdist, and try the wheel in a bare environment
	@scripts/build.sh

bench: environment  ## Measure beside peers, some minutes (WRITE=1 puts the table into the docs)
	@$(PYTHON_IN) -m benchmarks $(if $(WRITE),--write)

bench-short: environment  ## Measure with few repetitions, and fail on a ratio that is off its goal by more than half
	@$(PYTHON_IN) -m benchmarks --short

versions: environment  ## Run the tests against each Airflow release (RELEASE=3.2.2 for one)
	@$(PYTHON_IN) -m nox --session "suite$(if $(RELEASE),($(RELEASE)))"

newer-releases: environment  ## Say which Airflow releases are newer than those that the tests run on
	@$(PYTHON_IN) -m tests.system.check_newer_releases

faults: environment  ## Run the fault tables on a real scheduler (AIRFLOW="oldest newest"; KIND=groups; ROW=none; ONLY=ours; WRITE=1 puts them into the docs)
	@$(PYTHON_IN) -m tests.system.check_faults $(addprefix --airflow ,$(or $(AIRFLOW),newest)) \
		$(addprefix --kind ,$(KIND)) $(addprefix --row ,$(ROW)) $(addprefix --only ,$(ONLY)) \
		$(if $(WRITE),--write)

limits: environment  ## Meet rate limits on a real scheduler (AIRFLOW="2.11 3.0"; TASKS=12 RUNS=1 for the short form; WRITE=1)
	@$(PYTHON_IN) -m tests.system.check_limits $(addprefix --airflow ,$(or $(AIRFLOW),newest)) \
		--tasks $(or $(TASKS),30) --runs $(or $(RUNS),3) $(if $(WRITE),--write)

celery: environment  ## Lose one of two Celery workers in the middle of a mapped DAG
	@$(PYTHON_IN) -m tests.system.check_celery $(addprefix --airflow ,$(or $(AIRFLOW),newest))

connections: environment  ## Take the connection from each place that Airflow has
	@$(PYTHON_IN) -m tests.system.check_connections $(addprefix --airflow ,$(or $(AIRFLOW),oldest newest))

backfill: environment  ## Backfill with Airflow's own command, under each if_exists
	@$(PYTHON_IN) -m tests.system.check_backfill $(addprefix --airflow ,$(or $(AIRFLOW),oldest newest))

alerts: environment  ## Send alerts from every process of a real Airflow (AIRFLOW="oldest 3.0 3.2")
	@$(PYTHON_IN) -m tests.system.check_alerts $(addprefix --airflow ,$(or $(AIRFLOW),oldest newest))

cool-down: environment  ## Make groups with time between them, by a pool of one slot (AIRFLOW="oldest 3.2"; COUNT=12; WORKERS=2 for Celery)
	@$(PYTHON_IN) -m tests.system.check_cool_down $(addprefix --airflow ,$(or $(AIRFLOW),newest)) --groups $(or $(COUNT),12) \
		--workers $(or $(WORKERS),0)

webhooks: environment  ## Deliver webhooks to the example's receiver before a real API server
	@$(PYTHON_IN) -m tests.system.check_webhooks $(addprefix --airflow ,$(or $(AIRFLOW),newest))

examples: environment  ## Run every example DAG on a real scheduler
	@$(PYTHON_IN) -m tests.system.check_examples $(addprefix --airflow ,$(or $(AIRFLOW),oldest newest))

pins: environment  ## Check that an install moves no package of Airflow, and that our floors work
	@$(PYTHON_IN) -m tests.system.check_pins
	@$(PYTHON_IN) -m tests.system.check_pins --floors

vendor-client: environment  ## Run the vendor's own client against the sandbox (Node.js)
	@command -v npm >/dev/null || $(PYTHON_IN) -m tests.lab.debian nodejs npm
	@cd tests/sandbox/vendor_client && npm install --silent --no-audit --no-fund --no-package-lock
	@.venv/bin/pytest tests/sandbox/vendor_client/check_vendor_client.py

constraints: environment  ## Resolve constraints.txt anew
	@$(PYTHON_IN) scripts/uv_like_pip.py pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --upgrade \
		--extra sandbox --group test --group bench --group lint --group release --group docs --group browser --output-file constraints.txt pyproject.toml

clean:  ## Remove everything that the targets made
	@rm -rf .venv .airflow .cache .*_cache .hypothesis .nox dist docs/_build .coverage .coverage.* htmlcov \
		tests/sandbox/vendor_client/node_modules
