# envoy-ai-filters: what people type. `make help` lists it.
#
# Recipes stay short: what needs logic is in the `lab` program (e2e/lab) or in a small script under e2e/.

.DEFAULT_GOAL := help
SHELL := /bin/sh
# Cargo locks the target directory anyway; in parallel the steps would only wait for each other and mix their output.
.NOTPARALLEL:

# Absolute, because cargo runs tests from their own crate's directory.
CARGO_TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
export CARGO_TARGET_DIR

CACHE := $(CURDIR)/.cache
TOOLS := $(CACHE)/tools
PACKAGES := $(CACHE)/python
LAB := $(CARGO_TARGET_DIR)/debug/lab
WASM := $(CARGO_TARGET_DIR)/wasm32-wasip1/wasm
# Modules that are wrong on purpose: what the end-to-end tests must notice.
MUTANTS := $(CARGO_TARGET_DIR)/mutants
CARGO := cargo
PYTHON := python3
export CARGO PYTHON

IMAGES := $(CARGO_TARGET_DIR)/images
AI_FILTERS := $(CARGO_TARGET_DIR)/debug/ai-filters
# An image says when it was made and from what. The same commit gives the same image, so the time is the commit's.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
REVISION ?= $(shell git rev-parse HEAD)
SOURCE ?= $(shell git config --get remote.origin.url)
export SOURCE_DATE_EPOCH

# Places in panic messages: the same for everybody who builds, and nobody's home directory. Not by foreach: a path may have spaces.
CRATES := $(or $(CARGO_HOME),$(HOME)/.cargo)
REMAP := --config "target.wasm32-wasip1.rustflags=['--remap-path-prefix=$(CURDIR)=/ai-filters', '--remap-path-prefix=$(CRATES)=/cargo']"

# What only exists inside Envoy: plain `cargo test` cannot link it.
FILTERS := ai-gateway ai-provider
HOSTED := $(FILTERS) host-proxy-wasm

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  The variables of 'make run' and 'make gateway': PORT, ADMIN_PORT, OPENAI_API_KEY, ANTHROPIC_API_KEY, OPENAI_BASE_URL, ANTHROPIC_BASE_URL,"
	@echo "  OPENAI_MODEL, ANTHROPIC_MODEL, TOKENS_PER_DAY, TOKENS_PER_MINUTE, FIRST_BYTE_TIMEOUT, IDLE_TIMEOUT, ANSWER_TIMEOUT, TOTAL_TIMEOUT,"
	@echo "  SSL_CERT_FILE, ENVOY"

##@ Using it

# `exec`, so that the program is make's own child: a signal that make passes on reaches it, and no shell in between.
.PHONY: run
run: wasm lab ## Start the gateway on PORT (10000); with no provider key in the environment, on scripted providers
	@exec '$(LAB)' run

.PHONY: gateway
gateway: wasm lab tool ## Start the same behind a real Envoy Gateway, without Kubernetes; needs Go and docker-registry
	@exec sh e2e/gateway.sh '$(TOOLS)' '$(LAB)' gateway

.PHONY: demo
demo: wasm lab ## Show the whole path on scripted providers: answers, streams, fallback, errors, budgets
	@exec '$(LAB)' demo

##@ Building it

.PHONY: wasm
wasm: toolchain ## Build both filters and print their sizes
	@$(CARGO) build --locked $(REMAP) $(FILTERS:%=-p %) --profile wasm --target wasm32-wasip1
	@sh e2e/wasm-sizes.sh '$(WASM)'

.PHONY: mutants
mutants: toolchain
	@mkdir -p '$(MUTANTS)'
	@for mutant in blind-swap trap; do \
	  $(CARGO) build --locked -p ai-gateway --features $$mutant --profile mutant --target wasm32-wasip1 \
	  && cp '$(CARGO_TARGET_DIR)/wasm32-wasip1/mutant/ai_gateway.wasm' '$(MUTANTS)'/$$mutant.wasm || exit; done

.PHONY: image
image: wasm ## Build both filters' OCI images into target/images, without a container engine
	@$(CARGO) build --locked -p ai-filters
	@rm -rf '$(IMAGES)' && mkdir -p '$(IMAGES)'
	@$(CARGO) metadata --locked --format-version 1 --filter-platform wasm32-wasip1 > '$(IMAGES)/metadata.json'
	@for filter in gateway provider; do '$(AI_FILTERS)' image build $$filter --module '$(WASM)'/ai_$$filter.wasm \
	  --output '$(IMAGES)'/ai-$$filter --metadata '$(IMAGES)/metadata.json' --revision '$(REVISION)' $(SOURCE:%=--source '%') || exit; done

.PHONY: push
push: image ## Push both filters' images to REGISTRY, such as ghcr.io/someone
	@test -n '$(REGISTRY)' || { echo "REGISTRY names no registry"; echo "hint: make push REGISTRY=ghcr.io/someone"; exit 1; } >&2
	@for filter in gateway provider; do \
	  '$(AI_FILTERS)' image push '$(IMAGES)'/ai-$$filter '$(REGISTRY)'/ai-$$filter || exit; done

.PHONY: lab
lab: toolchain
	@$(CARGO) build --locked -p lab -p mock-llm

.PHONY: tool
tool: toolchain
	@$(CARGO) build --locked -p ai-filters

.PHONY: toolchain
toolchain:
	@sh e2e/toolchain.sh wasm32-wasip1

.PHONY: render
render: toolchain ## Refresh the committed configurations and schemas
	UPDATE_RENDERED=1 $(CARGO) test --locked -p ai-filters --test committed

##@ Checking it

.PHONY: test
test: ## Run every test; sets up what it needs, without root
	@$(PYTHON) e2e/tally.py --make '$(MAKE)' test-unit test-wasm test-stand test-e2e test-fleet test-gateway test-sdk

.PHONY: test-unit
test-unit: toolchain ## Run the native tests
	$(CARGO) test --locked --no-fail-fast --workspace $(HOSTED:%=--exclude %) --exclude scenarios

.PHONY: test-wasm
test-wasm: ## Run the core's 32-bit tests under Node
	@sh e2e/toolchain.sh wasm32-unknown-unknown
	@sh e2e/wasm-tests.sh '$(TOOLS)' on-wasm32

.PHONY: test-stand
test-stand: wasm lab ## Test what starts an Envoy: the lab, the renderer's output, the images, the bench
	ENVOY=$$('$(LAB)' fetch-envoy) && export ENVOY && $(CARGO) test --locked --no-fail-fast \
	  -p lab -p ai-filters -p bench --features lab/envoy-tests,bench/envoy-tests --test envoy --test run --test quick --test images

.PHONY: test-e2e
test-e2e: wasm mutants lab tool ## Run the scenarios on the real Envoy
	ENVOY=$$('$(LAB)' fetch-envoy) && export ENVOY && $(CARGO) test --locked --no-fail-fast -p scenarios

.PHONY: test-fleet
test-fleet: wasm lab ## Test a budget that several Envoys share; needs Redis and Go, else a named skip
	ENVOY=$$('$(LAB)' fetch-envoy) && export ENVOY && sh e2e/fleet.sh '$(TOOLS)' \
	  $(CARGO) test --locked --no-fail-fast -p scenarios --features fleet --test fleet

.PHONY: test-gateway
test-gateway: wasm lab tool ## Run the scenarios and the committed stack behind a real Envoy Gateway; needs Go, docker-registry and Redis, else a named skip
	ENVOY=$$('$(LAB)' fetch-envoy) && export ENVOY && sh e2e/gateway.sh --or-skip '$(TOOLS)' \
	  $(CARGO) test --locked --no-fail-fast -p lab -p scenarios --features lab/gateway-tests,scenarios/gateway --test gateway --test manifests --test same --test everywhere
	ENVOY=$$('$(LAB)' fetch-envoy) && export ENVOY && sh e2e/gateway.sh --or-skip '$(TOOLS)' sh e2e/fleet.sh '$(TOOLS)' \
	  $(CARGO) test --locked -p scenarios --features scenarios/gateway --test stack
	ENVOY=$$('$(LAB)' fetch-envoy) && export ENVOY && sh e2e/gateway.sh --or-skip '$(TOOLS)' sh e2e/fleet.sh '$(TOOLS)' sh e2e/prometheus.sh \
	  $(CARGO) test --locked -p scenarios --features scenarios/gateway --test autoscaling

.PHONY: test-sdk
test-sdk: wasm lab $(PACKAGES)/.installed ## Run the tests with the providers' own Python SDKs
	@$(CARGO) build --locked -p ai-filters
	ENVOY=$$('$(LAB)' fetch-envoy) && export ENVOY && LAB='$(LAB)' AI_FILTERS='$(AI_FILTERS)' WASM='$(WASM)' PYTHONPATH='$(PACKAGES)' \
	  $(PYTHON) -m pytest -p no:cacheprovider e2e/sdk

$(PACKAGES)/.installed: e2e/sdk/requirements.txt
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || \
	  { echo "python3 has no pip"; echo "hint: python3 -m ensurepip --user, or your system's python3-pip package"; exit 1; } >&2
	@rm -rf '$(PACKAGES)'
	PIP_ROOT_USER_ACTION=ignore $(PYTHON) -m pip install --quiet --disable-pip-version-check --no-warn-conflicts --require-hashes --target '$(PACKAGES)' -r $<
	@touch $@

.PHONY: lint
lint: toolchain ## Check format, lints, licences, bans and sources
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace $(HOSTED:%=--exclude %) --all-targets --all-features -- -D warnings
	$(CARGO) clippy --locked $(HOSTED:%=-p %) --target wasm32-wasip1 -- -D warnings
	$(CARGO) check --locked --manifest-path filters/fuzz/Cargo.toml
	@sh e2e/cargo-deny.sh '$(TOOLS)' check bans licenses sources

.PHONY: fmt
fmt: ## Format the code
	@$(CARGO) fmt --all

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZ_SECONDS (60) each; needs a nightly toolchain
	@sh e2e/fuzz.sh '$(TOOLS)' '$(or $(FUZZ_SECONDS),60)'

.PHONY: bench
bench: wasm ## Measure what the filters cost beside a bare Envoy, and tokenizers beside each other
	@$(CARGO) run --locked --release -p bench
	@$(CARGO) run --locked --release -p bench -- tokens

.PHONY: instructions
instructions: wasm ## Count the filters' WebAssembly instructions and host calls for a request: the same on every machine
	@$(CARGO) run --release --manifest-path e2e/bench/instructions/Cargo.toml -- $(ARGUMENTS)

.PHONY: clean
clean: ## Remove what was built and fetched
	@$(CARGO) clean
	@rm -rf '$(CACHE)'
