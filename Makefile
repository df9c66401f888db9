# Everything runs from .venv, which the first target that needs it makes from python3.11 and requirements.lock.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK_VENV := build/lock-venv
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup demo serve test lint fuzz drill sbom audit-dependencies bench lock clean

setup: $(STAMP)  ## make .venv and install everything that requirements.lock pins

demo: $(STAMP)  ## generate faces, scan them and photos, print the table, verify the audit log
	$(BIN)/shingan demo

serve: $(STAMP)  ## the API and the page on http://127.0.0.1:8080
	$(BIN)/shingan serve

test: $(STAMP)  ## the whole test suite, in two processes of one thread each
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

fuzz: $(STAMP)  ## the whole OpenAPI with random requests, then an hour of bad files and messages at every border
	SHINGAN_FUZZ_EXAMPLES=200 $(BIN)/pytest tests/api/test_openapi_fuzz.py
	$(BIN)/python -m tests.drill.fuzz --minutes 60

sbom: $(STAMP)  ## build/sbom.json: what is installed, with licences, as CycloneDX
	mkdir -p build
	$(BIN)/python .ci/sbom.py build/sbom.json

audit-dependencies: $(STAMP)  ## asks the advisory database about each pinned package; needs the network
	$(BIN)/pip-audit --requirement requirements.lock --no-deps --disable-pip

lint: $(STAMP)  ## style, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## throughput on this machine
	$(BIN)/shingan bench
	$(BIN)/shingan bench detect

drill: $(STAMP)  ## what is too long for a test: faults, fifty clients at once, 100,000 audit entries, then `make fuzz`
	$(BIN)/python -m tests.drill.run --database sqlite
	$(BIN)/python -m tests.drill.run --database postgresql
	$(BIN)/python -m tests.drill.clients --database sqlite
	$(BIN)/python -m tests.drill.clients --database postgresql
	$(BIN)/shingan bench audit
	$(MAKE) fuzz

lock:  ## resolve pyproject.toml anew and rewrite requirements.lock
	rm -rf $(LOCK_VENV)
	$(PYTHON) -m venv $(LOCK_VENV)
	$(LOCK_VENV)/bin/pip install -q hatchling '.[demo,diffusers,postgres,ray,train,dev]'
	$(LOCK_VENV)/bin/pip freeze --all --exclude pip --exclude shingan > requirements.lock
	rm -rf $(LOCK_VENV)

clean:  ## remove caches and builds, keep .venv
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q --no-deps -r requirements.lock
	$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	touch $@
