# make help lists the targets; CI (.ci/run) calls the same ones.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GO        ?= go
LINT      := $(shell $(GO) env GOPATH)/bin/golangci-lint
LINT_PKG  := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
FUZZTIME  ?= 10s
KAFKA_PORT ?= 19092
BENCH     ?= .

.PHONY: help build demo demo-check test unit race lint fuzz kafka-test cdc system bench check-all

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/weir
	$(GO) build -o bin/weir ./cmd/weir

demo: ## run broker, data, catalog and engine in one process, until Ctrl-C
	$(GO) run ./cmd/weir demo

demo-check: ## run the demo for 8 seconds: it must end by itself, with something to show
	$(GO) run ./cmd/weir demo --for 8s

test: ## run all tests: the units, and on a real Kafka, fetched by Maven, the Kafka suite and workers under kill -9
	@$(MAKE) --no-print-directory unit kafka-test
	@WEIR_SYSTEM_RECORDS=$${WEIR_SYSTEM_RECORDS:-100000} $(MAKE) --no-print-directory system

unit: ## run the tests that need nothing but Go
	$(GO) test ./...

race: ## run the unit tests, the long ones shorter, under the race detector
	$(GO) test -race -short ./...

lint: ## check style, import arrows and common faults (installs golangci-lint if it is missing)
	@test -x $(LINT) || GOFLAGS= $(GO) install $(LINT_PKG)
	@# A cache of this checkout's own: one shared between checkouts gives back the other one's paths, and the rules go by path.
	GOLANGCI_LINT_CACHE=$(CURDIR)/bin/lint-cache $(LINT) run --allow-parallel-runners ./...

fuzz: ## run every fuzz target for FUZZTIME (10s) each
	@set -euo pipefail; $(GO) list ./... | while read -r pkg; do \
		names=$$($(GO) test -list '^Fuzz' "$$pkg" | grep '^Fuzz' || true); \
		for name in $$names; do \
			echo "== $$pkg $$name"; \
			$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$pkg" </dev/null; \
		done; \
	done

kafka-test: ## run the Kafka tests against a real Apache Kafka, which is fetched by Maven and started
	@set -euo pipefail; \
	deploy/local/kafka.sh start $(KAFKA_PORT); \
	trap 'deploy/local/kafka.sh stop $(KAFKA_PORT)' EXIT; \
	WEIR_TEST_BROKERS=127.0.0.1:$(KAFKA_PORT) $(GO) test -count=1 -timeout 20m ./connectors/kafka/...

cdc: ## follow a PostgreSQL through Debezium, as deploy/local/README.md says, and kill Kafka Connect in the middle
	$(GO) test -count=1 -timeout 15m -tags system -run '^TestSystemDebezium$$' -v ./cmd/weir/systemtest

system: ## kill -9 built workers on a real Apache Kafka under load and compare all that comes out with the oracle
	$(GO) test -count=1 -timeout 20m -tags system -skip '^TestSystemDebezium$$' -v ./cmd/weir/systemtest

bench: ## run the benchmarks named by BENCH (all)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./...

check-all: lint race fuzz kafka-test cdc system ## run everything, the longest too
