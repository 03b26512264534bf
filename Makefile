# `make` lists the targets. The work is in scripts/, which CONTRIBUTING.md explains.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export KAFKA_VERSIONS

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: test
test: ## everything, with -race and the integration tests: brings a Docker engine and the Kafka images itself
	@scripts/test.sh

.PHONY: unit
unit: ## everything that needs no containers
	@CONNECT_INTEGRATION=0 scripts/test.sh

.PHONY: integration
integration: ## the tests of one package, PKG=./dlq/..., with the integration tests on and each test's name shown
	@PACKAGES=$(or $(PKG),./internal/testutil/...) TEST_FORMAT=testname scripts/test.sh

.PHONY: setup
setup: ## the Docker engine, the images of KAFKA_VERSIONS, a PostgreSQL and connectors for it, the tools for alerts, without running anything
	@scripts/engine.sh && scripts/images.sh $(or $(KAFKA_VERSIONS),4.3.1) && scripts/databases.sh && scripts/prometheus.sh

.PHONY: lint
lint: ## golangci-lint on every module
	@scripts/lint.sh

.PHONY: tidy
tidy: ## go mod tidy in every module
	@scripts/tidy.sh

.PHONY: docs
docs: ## the generated parts of the documentation
	@go generate ./...

.PHONY: fuzz
fuzz: ## every fuzz target, FUZZTIME=10s each
	@scripts/fuzz.sh $(or $(FUZZTIME),10s)

.PHONY: bench
bench: ## the benchmarks, BENCH=pattern, of every module
	@. scripts/lib.sh; for dir in $$(modules); do (cd $$dir && go test -run '^$$' -bench '$(or $(BENCH),.)' -benchmem ./...) || exit 1; done

.PHONY: soak
soak: ## the long form of every proof (hundreds of kills), COUNT=1 times, PKG=./dlq/... for one package, RECONNECT_SOAK_TIMES=n and RECONNECT_SOAK_RECORDS=n for other numbers
	@RECONNECT_SOAK=1 PACKAGES=$(PKG) TEST_TIMEOUT=12h scripts/test.sh -count=$(or $(COUNT),1)

.PHONY: cover
cover: ## the coverage of the root module by all its tests, in coverage.out
	@PACKAGES=./... scripts/test.sh -coverpkg=./... -coverprofile=coverage.out
	@go tool cover -func=coverage.out | tail -n 1

.PHONY: clean-containers
clean-containers: ## remove every container, network and volume that tests made
	@scripts/clean-containers.sh
