# Every target does its own set-up: a virtual environment in .venv with pinned, hashed packages.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
OUT ?= out

.PHONY: help setup demo test test-slow test-service test-junctions test-unsafe check bench bench-report requirements clean

help:
	@echo "make demo       optimise the traffic signals of a whole city and write out/report.html"
	@echo "make test       run the tests"
	@echo "make test-slow  run the tests of whole cities, which take minutes"
	@echo "make test-service  run the tests of the service, the slow ones too"
	@echo "make test-junctions  check stages and intergreens of thousands of random junctions, and 100,000 mutated plans"
	@echo "make test-unsafe  send 10,000 unsafe plans to every gate of the service and of controllers"
	@echo "make check      lint, types, import directions, examples of the documentation"
	@echo "make bench      run the benchmarks"
	@echo "make bench-report  measure what docs/benchmarks.md shows and write it: hours; QUICK=1: minutes, into out/; RESUME=1: go on"
	@echo "make setup      only set up .venv for the targets above"

setup: $(VENV)/dev.stamp

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Jasyl needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --no-compile --require-hashes -r requirements/run.txt
	$(PIP) install --quiet --no-build-isolation --no-deps --editable .
	touch $@

$(VENV)/dev.stamp: requirements/dev.txt $(VENV)/run.stamp
	$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	touch $@

$(VENV)/bench.stamp: requirements/bench.txt $(VENV)/dev.stamp
	$(PIP) install --quiet --require-hashes -r requirements/bench.txt
	touch $@

demo: $(VENV)/run.stamp
	$(BIN)/jasyl optimize almaty --steps 11 -o $(OUT)/plans.json
	$(BIN)/jasyl report almaty --plans $(OUT)/plans.json -o $(OUT)/report.html
	@echo "Open $(OUT)/report.html in a browser."

# The kernels are tested three times: compiled, as plain Python, and with every index checked.
KERNEL_TESTS := tests/traffic/test_flow.py tests/traffic/test_flow_reference.py tests/traffic/test_equilibrium.py \
  tests/signals/test_profile.py tests/signals/test_dispersion.py tests/signals/test_offsets.py tests/signals/test_splits.py \
  tests/signals/test_stage_search.py tests/traffic/microscopic tests/transit/test_matching_reference.py \
  tests/signals/test_signal_delay.py

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow" tests
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q -m "not slow" $(KERNEL_TESTS)
	NUMBA_BOUNDSCHECK=1 $(BIN)/python -m pytest -q -m "not slow" $(KERNEL_TESTS)

# The stages of 10,000 random junctions by a swept-path test (`make test` takes 60, `make test-slow` 1,000), the intergreens
# of 2,000 by the ground that vehicles sweep (3 minutes; `make test-slow` takes 1,000), and 100,000 mutated plans by
# expanding them second by second (`make test` takes 10,000).
test-junctions: $(VENV)/dev.stamp
	JASYL_JUNCTIONS=10000 $(BIN)/python -m pytest -q tests/signals/test_stages.py -k random
	JASYL_JUNCTIONS=2000 $(BIN)/python -m pytest -q tests/signals/test_intergreens.py -k many
	JASYL_PLANS=100000 $(BIN)/python -m pytest -q tests/signals/test_plan_mutations.py

# The tests of whole cities.
test-slow: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q -m slow tests

# The service, with its crashes and long runs.
test-service: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q tests/api tests/signals/lifecycle tests/simulation/controller

# 10,000 unsafe plans against every gate of the service, and of a controller alone.
test-unsafe: $(VENV)/dev.stamp
	JASYL_UNSAFE_PLANS=10000 $(BIN)/python -m pytest -q tests/api/service/test_unsafe_plans.py

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q README.md docs

bench: $(VENV)/bench.stamp
	$(BIN)/python -m pytest -q --benchmark-enable --benchmark-only benchmarks

# SUMO is among the packages for development. Networks: NETWORKS=FOLDER, or ../shared/data/sumo.
bench-report: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks.report $(if $(QUICK),--quick) $(if $(RESUME),--resume) $(if $(PAGE_ONLY),--page-only) \
	  $(if $(JOBS),--jobs $(JOBS)) $(if $(NETWORKS),--networks $(NETWORKS))

# For maintainers: resolve the packages anew (needs uv).
COMPILE := uv pip compile --universal --generate-hashes --python-version 3.11 --no-annotate --no-header -q
requirements:
	$(COMPILE) pyproject.toml --group setup -o requirements/run.txt
	$(COMPILE) pyproject.toml --group setup --group dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --group setup --group dev --group bench -o requirements/bench.txt

clean:
	rm -rf $(VENV) $(OUT) build dist
