# make demo   a day of a city: cards, terminals, clearing; options in ARGS="--cards 100 --out DIR"
# make test   lint, types, and the whole suite on the native and on the pure-Python backend
# make bench  the crypto core beside its peers: ratios, and which goals are met
# make clean  removes everything that was made here
#
# Each sets up .venv by itself; the second run is fast.  PYTHON=python3.12 names another interpreter.

PYTHON ?= python3
COMMA := ,
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
SOURCES := pyproject.toml CMakeLists.txt README.md LICENSE \
           $(shell find src -type f ! -name '*.pyc' ! -name '_native*')

# What was built stands in the stamp's name: native unless CARDOS_BACKEND says pure.
INSTALLED := $(VENV)/.installed-$(or $(CARDOS_BACKEND),native)

# pyscard is built against the PC/SC library, where its headers are (Debian: libpcsclite-dev).
PCSC := $(if $(wildcard /usr/include/PCSC/winscard.h),$(COMMA)pcsc)

unexport PYTHONPATH

.PHONY: demo test lint test-native test-levels test-pure bench clean
.DELETE_ON_ERROR:

demo: $(INSTALLED)
	$(BIN)/cardos demo $(ARGS)

test: lint test-native test-levels test-pure

lint: $(INSTALLED) $(VENV)/.tools
	$(BIN)/ruff check
	$(BIN)/mypy

test-native: $(INSTALLED) $(VENV)/.tools
	CARDOS_BACKEND=native $(BIN)/pytest -q -n auto --cov --cov-report=term $(ARGS)

# The crypto suite at each level of the core below the best one, which test-native has had.  Nothing in it cuts power.
test-levels: $(INSTALLED) $(VENV)/.tools
	for level in $$($(BIN)/python tools/levels.py); do \
	    CARDOS_BACKEND=native CARDOS_LEVEL=$$level $(BIN)/pytest -q -n auto tests/crypto $(filter-out --all-cut,$(ARGS)) || exit; \
	done

test-pure: $(INSTALLED) $(VENV)/.tools
	CARDOS_BACKEND=pure $(BIN)/pytest -q -n auto $(ARGS)

bench: $(INSTALLED) $(VENV)/.tools
	$(PIP) --group bench
	$(BIN)/python benches/crypto.py
	$(BIN)/python benches/crypto_single.py

$(VENV)/.ready: tools/bootstrap.sh
	sh tools/bootstrap.sh $(PYTHON) $(VENV)
	touch $@

$(VENV)/.tools: pyproject.toml $(VENV)/.ready
	$(PIP) --group dev
	touch $@

$(INSTALLED): $(SOURCES) $(VENV)/.ready
	$(PIP) '.[clearing,testing,shell$(PCSC)]'
	rm -f $(VENV)/.installed-*
	touch $@

clean:
	rm -rf $(VENV) build dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
