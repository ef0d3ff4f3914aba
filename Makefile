# make test is what CI runs (.ci/run). Longer steps are in scripts/, tools are pinned in tools/go.mod.

MODULES  := . otelgatesock examples bench
# A module with version 1 of the SDK for Go, which only a test has.
AWSV1    := cmd/gatesock/internal/intercept/testdata/awsv1
GOTOOL   := go tool -modfile=$(CURDIR)/tools/go.mod
FUZZTIME ?= 10s
BENCH    ?= .
COUNT    ?= 1
STORE    ?= memory
BASE     ?= main
# Of what tests draw in make test, so that it says the same of the same tree. make test-random draws
# anew, and make fuzz and make sim go further.
SEED     ?= 1

# Packages that start no goroutine: the race detector has nothing to find in them.
export SEQUENTIAL := ./describe ./cmd/gatesock/internal/asyncapi ./cmd/gatesock/internal/stack/... \
	./cmd/gatesock/internal/typescript

# Nobody debugs what the targets link: without DWARF a test of the race detector links in three quarters
# of the time.
export GOFLAGS := $(strip $(filter-out -ldflags=-w,$(shell go env GOFLAGS)) -ldflags=-w)

# $(call in,FOLDERS,COMMAND) runs a command in each folder and stops at the first failure.
in = @set -e; for folder in $(1); do echo "== $$folder: $(2)"; (cd "$$folder" && $(2)); done

.NOTPARALLEL:
.PHONY: help chat iot test test-quick lint fmt check-tidy check-deps build dynamodb sqs npm sdks test-go test-race test-without-race test-random test-allocations test-clock test-js test-browser fuzz bench bench-emulator bench-emulators bench-fanout bench-coldstart sim sim-mutants bench-jitter client-soak soak-iot client-sim client-sim-mutants tools

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# How the chat runs on each STORE.
chat-memory   = cd examples && go run ./chat/cmd/local $(if $(ADDR),-addr $(ADDR)) $(if $(OPEN),-open)
chat-dynamodb = TABLE='$(TABLE)' DYNAMODB_PORT='$(DYNAMODB_PORT)' exec scripts/example-dynamodb chat $(if $(ADDR),-addr '$(ADDR)') $(if $(OPEN),-open)

chat: ## Run the chat locally; ADDR=host:port, OPEN=1 skips sign-in, STORE=dynamodb keeps its state, TABLE=name on AWS
	$(if $(and $(TABLE),$(filter memory,$(STORE))),$(error TABLE needs STORE=dynamodb))
	$(or $(chat-$(STORE)),$(error STORE is "$(STORE)", want memory or dynamodb))

# How the dashboards of devices run on each STORE.
iot-flags    = $(if $(ADDR),-addr '$(ADDR)') $(if $(MQTT),-mqtt '$(MQTT)') $(if $(DEVICES),-devices '$(DEVICES)')
iot-memory   = cd examples && go run ./iot/cmd/local $(iot-flags)
iot-dynamodb = TABLE='$(TABLE)' DYNAMODB_PORT='$(DYNAMODB_PORT)' exec scripts/example-dynamodb iot $(iot-flags)

iot: ## Run dashboards of simulated devices locally; ADDR=host:port, MQTT=host:port, DEVICES=50, STORE and TABLE as for chat
	$(if $(and $(TABLE),$(filter memory,$(STORE))),$(error TABLE needs STORE=dynamodb))
	$(or $(iot-$(STORE)),$(error STORE is "$(STORE)", want memory or dynamodb))

# The tests under the race detector often wait for a server; the other steps run meanwhile.
test: ## Run everything that CI runs
	@scripts/need cc >/dev/null
	@scripts/steps dynamodb sqs npm sdks check-tidy
	@scripts/side-by-side 'test-race=scripts/steps test-race' \
		'the rest=scripts/steps lint build check-deps test-without-race test-allocations test-js test-browser'

test-quick: ## Vet and test the packages that differ from BASE (main) and those that import them, in under a minute
	@scripts/test-quick $(BASE) $(MODULES)

# With GOGC=400 golangci-lint takes more memory, up to 1.5 GB, and less CPU.
lint: ## Run golangci-lint, which includes gofumpt and vet, and check wording and line lengths
	go run ./internal/cmd/proselint
	$(call in,$(MODULES),GOGC=400 $(GOTOOL) golangci-lint run ./...)

fmt: ## Format the Go code
	$(GOTOOL) gofumpt -w .

check-tidy: ## Check that every go.mod and go.sum is tidy
	$(call in,$(MODULES) tools tools/rie $(AWSV1),go mod tidy -diff)

check-deps: ## Check what the packages link, and the size of minimal Lambda functions
	scripts/check-deps
	scripts/check-size

build: ## Compile all modules, and the chat's Lambda into .cache/lambda/bootstrap
	$(call in,$(MODULES),go build -o /dev/null ./...)
	cd examples && GOOS=linux GOARCH=arm64 CGO_ENABLED=0 \
		go build -trimpath -tags lambda.norpc -ldflags "-s -w" -o ../.cache/lambda/bootstrap ./chat/cmd/lambda

dynamodb: ## Install DynamoDB Local, so that no test waits for the download
	scripts/dynamodb-local --prepare

sqs: ## Install the tests' SQS server, so that no test waits for the download
	scripts/sqs-local --prepare

npm: ## Install the npm tools of the tests, and build clients/js, so that no test waits for the download
	scripts/npm-tools --prepare
	scripts/js-test --prepare

sdks: ## Install the AWS SDKs of the tests' handlers in other languages, so that no test waits for the download
	NPM_TOOLS=internal/sdktest/npm scripts/npm-tools --prepare
	@scripts/need boto3 >/dev/null
	cd $(AWSV1) && go mod download

test-go: test-race test-without-race test-allocations ## Run the Go tests of all modules

test-race: dynamodb sqs npm sdks ## Run the Go tests of all modules under the race detector, with clocks years ahead for DynamoDB
	@SEED='$(SEED)' scripts/test-race $(MODULES)

test-without-race: ## Run the tests of code that the race detector leaves out
	SEED='$(SEED)' scripts/test-without-race $(MODULES)

test-random: dynamodb ## Run the tests that draw ROUNDS (1) times, each with seeds that nobody has chosen
	scripts/test-random $(or $(ROUNDS),1) $(MODULES)

test-allocations: dynamodb ## Run the tests that bound allocations, without the race detector, which allocates too
	scripts/test-allocations $(MODULES)

test-clock: dynamodb ## Test what has a clock or a table with all clocks moved by DAYS ("40 1826"); PACKAGES, TESTFLAGS
	scripts/test-clock $(DAYS)

test-js: ## Test the client for JavaScript, its types, its package and its size
	scripts/js-test

test-browser: ## Test the client for JavaScript, the workbench, the chat and the dashboard in headless Chromium, and the main paths in Firefox
	scripts/browser-test

client-soak: ## Run 500 clients for ten minutes while connections are lost; SECONDS_LONG, CLIENTS
	SECONDS_LONG='$(SECONDS_LONG)' CLIENTS='$(CLIENTS)' scripts/client-soak

soak-iot: ## Run 1,000 devices and 20 dashboards for ten minutes; SECONDS_LONG, DEVICES, DASHBOARDS, RATE, STORMS=1, STEPS=1
	SECONDS_LONG='$(SECONDS_LONG)' DEVICES='$(DEVICES)' DASHBOARDS='$(DASHBOARDS)' RATE='$(RATE)' \
		STORMS='$(STORMS)' STEPS='$(STEPS)' scripts/iot-soak

fuzz: ## Fuzz every target for FUZZTIME (10s)
	scripts/fuzz $(FUZZTIME) $(MODULES)

bench: ## Run the benchmarks beside their peers; BENCH, COUNT as in go test
	cd bench && go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./...

bench-emulator: ## Load the emulator beside a bare echo server
	cd bench && go run ./emulatorload

bench-emulators: ## Compare emulators of API Gateway's WebSocket APIs, those from npm too
	cd bench && go run ./emulators

bench-fanout: ## Compare the cost of posts to @connections with our client and the SDK's
	cd bench && go run ./fanout

bench-coldstart: ## Compare the start-up time of a function with gatesock and with the SDK alone
	cd bench && go run ./coldstart

bench-jitter: ## Clients whose network comes and goes, with topics and with Socket.IO
	cd bench && go run ./jitter

sim: ## Let SEEDS (20000) worlds of topics live in the simulator, from the seed FROM (1)
	go test ./internal/sim -timeout 0 -v -run '^TestSeeds$$' -seeds $(or $(SEEDS),20000) -from $(or $(FROM),1)

sim-mutants: ## Check that the simulator finds each mutant of the library; MUTANTS=part of the names
	go test ./internal/sim -timeout 0 -v -run '^TestMutants$$' -mutants '$(or $(MUTANTS),all)'

client-sim: ## Let SEEDS (10000) worlds live with each client, or with CLIENT=go, client or js, from the seed FROM (1)
	go test ./internal/clienttest -timeout 0 -v -run '^TestSeeds$$' -seeds $(or $(SEEDS),10000) -from $(or $(FROM),1) -client '$(CLIENT)'

client-sim-mutants: ## Check that scenarios or seeds find each mutant of the clients; MUTANTS=part of the names
	go test ./internal/clienttest -timeout 0 -v -run '^TestMutants$$' -mutants '$(or $(MUTANTS),all)'

tools: ## Build the pinned tools into .cache/bin, for editors
	go build -C tools -o $(CURDIR)/.cache/bin/ tool
