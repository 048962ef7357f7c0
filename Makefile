# kube-bpf. `make help` says what there is; each target installs what it needs (tools/setup.sh).

# Node 24 and the tools of package-lock.json come first, whatever Node the machine has. A SHELL of our own makes make
# start every recipe through it, and so with this PATH; make's own search would use the caller's.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH):/usr/local/sbin:/usr/sbin:/sbin
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory --no-builtin-rules
.SUFFIXES:
.DEFAULT_GOAL := help

MANIFESTS ?= build/manifests
LISTEN ?= 127.0.0.1:9387
examples := $(CURDIR)/build/manifests

.PHONY: help
help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

.PHONY: run
run: $(if $(filter $(examples),$(abspath $(MANIFESTS))),manifests) ## run the agent on a directory of YAML: MANIFESTS=build/manifests LISTEN=127.0.0.1:9387
	@tools/setup.sh node load
	@node tools/build.ts agent
	@exec tools/run.sh $(abspath $(MANIFESTS)) $(LISTEN)

.PHONY: test
test: build manifests ## every test lane; LANES="unit kernel" for some of them
	@tools/setup.sh load test
	@node test/run.ts $(LANES)

.PHONY: check
check: ## types, lint and format, and the project's own rules
	@tools/setup.sh node
	@node test/run.ts check
	@NODE_OPTIONS=--experimental-vm-modules jest --silent test/tidy.test.ts

.PHONY: build
build: ## build/agent.js and build/operator.js, started by build/bin/bpf-agent and build/bin/bpf-operator
	@tools/setup.sh node
	@node tools/build.ts

.PHONY: manifests
manifests: ## compile bpf/programs/*.bpf.c to build/manifests/*.yaml
	@tools/setup.sh node compile
	@node tools/build-manifests.ts

.PHONY: generate
generate: ## write the generated files anew: CRDs, and the chart's copies of them and of the dashboards
	@tools/setup.sh node
	@node tools/generate.ts

.PHONY: bench
bench: build manifests ## what docs/metrics.md says of cost, measured here
	@tools/setup.sh load test
	@node test/bench/run.ts

.PHONY: clean
clean: ## remove build/; node_modules and ~/.cache/kube-bpf stay
	@rm -rf build
