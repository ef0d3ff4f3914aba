# make test is what CI runs (.ci/run). Longer steps are in scripts/, tools are pinned in tools/go.mod.

MODULES  := . examples bench
GOTOOL   := go tool -modfile=$(CURDIR)/tools/go.mod
FUZZTIME ?= 10s
BENCH    ?= .
COUNT    ?= 1

# $(call in,FOLDERS,COMMAND) runs a command in each folder and stops at the first that fails.
in = @set -e; for folder in $(1); do echo "== $$folder: $(2)"; (cd "$$folder" && $(2)); done

.NOTPARALLEL:
.PHONY: help chat test lint fmt check-tidy check-deps build test-go test-browser fuzz bench bench-emulator tools

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

chat: ## Run the chat on a local port; ADDR=127.0.0.1:8080 chooses the address
	cd examples && go run ./chat/cmd/local $(if $(ADDR),-addr $(ADDR))

test: check-tidy lint build check-deps test-go test-browser ## Run everything that CI runs

lint: ## Run golangci-lint, with gofumpt and vet in it
	$(call in,$(MODULES),$(GOTOOL) golangci-lint run ./...)

fmt: ## Format the Go code
	$(GOTOOL) gofumpt -w .

check-tidy: ## Check that every go.mod and go.sum is tidy
	$(call in,$(MODULES) tools,go mod tidy -diff)

check-deps: ## Check what the packages link, and the size of a minimal Lambda
	scripts/check-deps
	scripts/check-size

build: ## Compile all modules, and the chat's Lambda into .cache/lambda/bootstrap
	$(call in,$(MODULES),go build -o /dev/null ./...)
	cd examples && GOOS=linux GOARCH=arm64 CGO_ENABLED=0 \
		go build -tags lambda.norpc -ldflags "-s -w" -o ../.cache/lambda/bootstrap ./chat/cmd/lambda

test-go: ## Run the Go tests of all modules, with fuzz seeds and examples, with -race and without
	@scripts/need cc >/dev/null
	$(call in,$(MODULES),go test -race -shuffle=on ./...)
	@echo "Without the race detector, which allocates by itself: bounds on allocations."
	$(call in,$(MODULES),go test ./...)

test-browser: ## Test the chat in headless Chromium
	scripts/browser-test

fuzz: ## Fuzz every target for FUZZTIME (10s)
	scripts/fuzz $(FUZZTIME) $(MODULES)

bench: ## Run the benchmarks beside their peers; BENCH, COUNT as in go test
	cd bench && go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./...

bench-emulator: ## Load the emulator beside a bare echo server
	cd bench && go run ./emulatorload

tools: ## Build the pinned tools into .cache/bin, for editors
	go build -C tools -o $(CURDIR)/.cache/bin/ tool
