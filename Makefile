# The few commands that a person needs.

SHELL := /bin/bash
CARGO ?= cargo
TOOLS := $(CURDIR)/target/tools
export MECAPY_UV := $(TOOLS)/bin/uv
# The sandbox's compiled code is kept here by tests, away from the user's own cache.
TEST_CACHE := $(CURDIR)/target/mecapy-cache

.PHONY: help setup build run test check bench

help: ## list these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## install what building and testing need
	@tools/setup

build: setup ## build everything
	$(CARGO) build --workspace

run: build ## build, and start the server with the examples deployed
	tools/run

test: setup ## build everything, and run all tests
	$(CARGO) build --workspace --all-targets
	$(TOOLS)/bin/python -m pytest -q python-wasm/tests_native
	MECAPY_CACHE_DIR=$(TEST_CACHE) tools/test-rust
	MECAPY_CACHE_DIR=$(TEST_CACHE) $(TOOLS)/bin/python -m pytest -q tests/server

check: setup ## formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

bench: build ## measure the sandbox beside native Python, and the server
	@tools/setup wrk
	MECAPY_CACHE_DIR=$(TEST_CACHE) target/debug/bench
	MECAPY_CACHE_DIR=$(TEST_CACHE) $(TOOLS)/bin/python tests/server/bench.py
