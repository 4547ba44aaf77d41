# Every target builds what it needs. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON_IN := .venv/bin/python
export PYTHON

.PHONY: help environment demo test airflow lint docs build bench bench-short constraints clean

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

environment:
	@scripts/environment.sh

demo: environment  ## Run an example DAG in Airflow against the local sandbox
	@$(PYTHON_IN) scripts/demo.py

test: environment  ## Run the tests that need only Python
	@.venv/bin/pytest

airflow: environment  ## Open Airflow's UI with the example DAGs and the sandbox running
	@$(PYTHON_IN) scripts/airflow_ui.py

lint: environment  ## Check style and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

docs: environment  ## Build the documentation into docs/_build/html, every warning an error
	@.venv/bin/sphinx-build --quiet --fail-on-warning --keep-going --nitpicky --fresh-env --jobs auto \
		-d docs/_build/doctrees docs docs/_build/html
	@$(PYTHON_IN) scripts/check_docs.py

build: environment  ## Build the wheel and the sdist, and try the wheel in a bare environment
	@scripts/build.sh

bench: environment  ## Measure beside peers, some minutes; BENCH=--write puts the table into the documentation
	@$(PYTHON_IN) -m benchmarks $(BENCH)

bench-short: environment  ## Measure with few repetitions, and fail on a ratio that is off its goal by more than half
	@$(PYTHON_IN) -m benchmarks --short

constraints: environment  ## Resolve constraints.txt anew
	@.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --upgrade \
		--extra sandbox --group test --group bench --group lint --group release --group docs --output-file constraints.txt pyproject.toml

clean:  ## Remove everything that the targets made
	@rm -rf .venv .airflow .cache dist docs/_build .coverage .coverage.* htmlcov
