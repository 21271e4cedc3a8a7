# The few commands that a person needs.

SHELL := /bin/bash
CARGO ?= cargo
TOOLS := $(CURDIR)/target/tools
export MECAPY_UV := $(TOOLS)/bin/uv
# The sandbox's compiled code is kept here by tests, away from the user's own cache.
TEST_CACHE := $(CURDIR)/target/mecapy-cache

# What needs Docker is left out where somebody says so, and fails where nobody does.
ifeq ($(MECAPY_WITHOUT_DOCKER),1)
TEST_IN_DOCKER := @echo "left out (MECAPY_WITHOUT_DOCKER=1):"
BENCH_DOCKER := @echo "left out (MECAPY_WITHOUT_DOCKER=1):"
else
TEST_IN_DOCKER := $(TOOLS)/bin/python -m pytest -q
BENCH_DOCKER := MECAPY_CACHE_DIR=$(TEST_CACHE)
endif

.PHONY: help setup docker build run test check bench

help: ## list these commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## install what building and testing need
	@tools/setup

docker: setup ## start a Docker daemon where none answers, and make the tests' base image
	@tools/docker ensure
	@tools/test-images

build: setup ## build everything
	$(CARGO) build --workspace

run: build ## build, and start the server with the examples deployed
	tools/run

test: setup docker ## build everything, and run all tests
	$(CARGO) build --workspace --all-targets
	$(TOOLS)/bin/python -m pytest -q python-wasm/tests_native
	$(TOOLS)/bin/python -m pytest -q fallback-docker/runner_tests
	$(TEST_IN_DOCKER) base-images/tests
	MECAPY_CACHE_DIR=$(TEST_CACHE) tools/test-rust
	MECAPY_CACHE_DIR=$(TEST_CACHE) $(TOOLS)/bin/python -m pytest -q tests/server

check: setup ## formatting and lints
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

bench: build docker ## measure the sandbox beside native Python, containers, and the server
	@tools/setup wrk
	MECAPY_CACHE_DIR=$(TEST_CACHE) target/debug/bench
	$(BENCH_DOCKER) target/debug/bench --docker
	MECAPY_CACHE_DIR=$(TEST_CACHE) $(TOOLS)/bin/python tests/server/bench.py
