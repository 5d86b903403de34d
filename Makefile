# One command each: `make test` passes everything, `make demo` shows the main job; both do all the set-up themselves.
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
WORKERS ?= 2

.PHONY: help setup lab-setup test test-pi4 test-pi3 test-vagrant test-ml unit e2e lint types demo bench bench-push clean

help:
	@echo "make test    set up, then lint, types, unit tests and tests on real lab hosts"
	@echo "make test-pi4  the main job on an emulated Raspberry Pi 4 with a kernel of its own, beside PCs (over an hour)"
	@echo "make test-pi3  the recipe pi on the Raspberry Pi 3 as qemu's own board (twenty minutes)"
	@echo "make test-ml   the recipe ml on two lab hosts (minutes)"
	@echo "make test-vagrant  vagrant up, import, provision, verify, destroy, with an emulated machine (some minutes)"
	@echo "make unit    the tests that need neither root nor Linux"
	@echo "make demo    set up, boot three lab hosts, provision and verify them, clean up"
	@echo "make bench   converged runs against ssh, pyinfra and ansible-core, as ratios"
	@echo "make bench-push  images push against docker save | ssh docker load, in time and bytes"

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml
	tests/tools/setup-python $(VENV)
	@touch $@

lab-setup: setup
	$(PY) -m tests.lab setup

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: setup
	$(VENV)/bin/mypy

unit: setup
	$(PY) -m pytest -n auto tests/unit tests/golden tests/sshd

e2e: lab-setup
	$(PY) -m pytest tests/e2e

# Where no lab can be, its tests are skipped and say why, unless FLEET_LAB_REQUIRED=1. Two workers: each has a lab of its own.
test: lint types
	$(PY) -m tests.lab setup || test "$$FLEET_LAB_REQUIRED" != 1
	$(PY) -m pytest -n $(WORKERS) --dist worksteal tests

# The emulated Pi's root, first boot and snapshot are made once, in some minutes, and kept with what the lab keeps.
test-pi4: lab-setup
	FLEET_LAB_REQUIRED=1 $(PY) -m pytest -m pi4 tests/e2e

# The board boots anew each time, from a USB disk: no state of it can be kept.
test-pi3: lab-setup
	FLEET_LAB_REQUIRED=1 $(PY) -m pytest -m pi3 tests/e2e

# Some hundred MB of wheels come through the lab's cache of this machine's package index.
test-ml: lab-setup
	FLEET_LAB_REQUIRED=1 $(PY) -m pytest -m ml tests/e2e

# Vagrant, libvirt and a box are made once and kept likewise; nothing is installed.
test-vagrant: lab-setup
	FLEET_LAB_REQUIRED=1 $(PY) -m pytest -m vagrant tests/e2e

demo: lab-setup
	tests/tools/demo

bench: lab-setup
	$(PY) -m tests.bench

bench-push: lab-setup
	$(PY) -m tests.bench.push

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
