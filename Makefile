# The commands of the README. Each does all of its own set-up.

SHELL := /bin/bash
CARGO ?= cargo
# What to add to `glasshouse up`: make demo UP=--detach
UP ?=

patiently := infra/native/patiently.sh
# Asked of cargo, as the target folder may be anywhere.
target = $(shell $(CARGO) metadata --no-deps --format-version 1 | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')
# The program itself and not `cargo run -p glasshouse`: that would choose the
# dependencies' features for this one package, and build half of them again.
glasshouse = $(target)/debug/glasshouse

.DEFAULT_GOAL := help
# All of them: nothing here is a file.
.PHONY: $(shell sed -n 's/^\([a-z-]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

help: ## Show this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

demo: services ## Install what is missing, build, start everything, make the journey
	@$(glasshouse) up $(UP)

# No documentation has examples to run: to look for some takes as long as ten tests.
tests := --workspace --lib --bins --tests
# Tests mostly wait, for services to start and for time to pass: three for each core.
test: packages ## Install what is missing, build, run every test against real backing services
	@$(patiently) $(CARGO) test $(tests) --no-run
	@RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(nproc) * 3))} $(glasshouse) backing -- $(CARGO) test $(tests) --no-fail-fast

test-alerts: packages ## Test when each alert fires, clears and stays silent, and who is told of it
	@promtool check rules --lint=all --lint-fatal alerts/rules/*.yml | tail -n 3
	@promtool test rules alerts/tests/*.yml
	@alerts/tests/routes.sh

test-infra: ## Hold Dockerfile, dashboards and Elastic's files to hadolint, checkov and the types of who reads them
	@infra/lint/run.sh
	@infra/grafana/test/run.sh
	@infra/elk/test/run.sh

test-watched: tools ## Find a journey in Jaeger, Loki and Prometheus, and alerts, traces and logs from their cause to who sees them
	@$(CARGO) test --workspace --no-fail-fast --test observability --test watching -- --ignored

test-compose: services ## Build the images, start the whole stack in containers, print how long it took: KEEP=1
	@GLASSHOUSE=$(glasshouse) KEEP=$(KEEP) infra/docker/test.sh

test-mutants: packages ## Change every alert rule in one place after another, and show that its tests notice
	@$(patiently) $(CARGO) build --quiet --workspace --bin mutants
	@$(target)/debug/mutants

check: services ## Start everything, put load on it, check each promise, end it: CHECK=--json
	@rm -rf .glasshouse/check && $(glasshouse) --home .glasshouse/check up --detach && \
	  { $(glasshouse) --home .glasshouse/check check --load $(CHECK); code=$$?; $(glasshouse) --home .glasshouse/check down; exit $$code; }

pictures: ## Draw the dashboards of the system that runs into docs/dashboards
	@results=$$(mktemp) && trap 'rm -f "$$results"' EXIT && \
	  $(glasshouse) check dashboards --load --results "$$results" && \
	  "$$(infra/native/venv.sh pictures dashboards/pictures/requirements.txt)/bin/python" dashboards/pictures/draw.py "$$results" docs/dashboards

tools: services ## Build Collector, Jaeger, Loki and daprd, once for all checkouts (about 12 min)
	@$(glasshouse) tools

down: ## End what runs, and whatever a crash has left
	@$(glasshouse) down

fmt: ## Format the code
	@$(CARGO) fmt --all

lint: ## Check format and lints
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets -- -D warnings

test-api: services ## Hold both APIs against their OpenAPI documents with schemathesis (installs it): SEED=7
	@$(patiently) $(CARGO) test --workspace --test schemathesis --no-run
	@SCHEMATHESIS=$$(infra/native/venv.sh schemathesis services/todo-api/tests/schemathesis/requirements.txt)/bin/schemathesis && export SCHEMATHESIS && \
	  $(glasshouse) backing -- $(CARGO) test --workspace --test schemathesis -- --ignored --nocapture

test-page: services ## Drive the web page in Chromium (installs it), keep pictures in .glasshouse/pictures
	@GLASSHOUSE=$(glasshouse) services/chat-gateway/web/test/run.sh
	@$(CARGO) test --quiet --workspace --test output -- --ignored

chaos: services ## Write while everything is broken, then compare the books: SEED=random WRITES=5000 FAULTS=40
	@infra/native/packages.sh faketime:faketime
	@$(target)/debug/chaos run $(if $(SEED),--seed $(SEED)) $(if $(WRITES),--writes $(WRITES)) $(if $(FAULTS),--faults $(FAULTS))

planted := todo-api chat-gateway event-worker glasshouse
chaos-selftest: ## Plant known bugs one at a time, and show which check catches each
	@infra/native/packages.sh faketime:faketime
	@$(patiently) $(CARGO) build --workspace --features service/planted-bugs $(addprefix --bin ,$(planted))
	@mkdir -p $(target)/planted-bugs && cp $(addprefix $(target)/debug/,$(planted)) $(target)/planted-bugs
	@$(MAKE) --no-print-directory services
	@$(target)/debug/chaos selftest --programs $(target)/planted-bugs

bench-start: release ## Measure exec to ready, idle memory, /metrics rendering, program size
	@$(target)/release/glasshouse backing -- $(CARGO) bench --quiet --workspace --bench start

bench-telemetry: release ## Measure the CPU that telemetry costs a request: PAIRS=10 REQUESTS=4000
	@$(target)/release/glasshouse backing -- $(CARGO) bench --quiet --workspace --bench telemetry

bench-load: packages ## Measure the load generator beside wrk and hey, one core each: ROUNDS=7 ROUND_SECONDS=3
	@infra/native/packages.sh wrk:wrk hey:hey taskset:util-linux
	@$(patiently) $(CARGO) bench --quiet --package loadtest --bench load

bench-events: release ## Measure relay and consumer against the same work without them: PAIRS=5
	@$(target)/release/glasshouse backing --durable -- $(CARGO) bench --quiet --workspace --bench events

bench-system: release ## Measure where the system breaks, and what an operation costs; FLAMES=folder keeps flame graphs
	@$(target)/release/glasshouse backing --durable -- $(CARGO) bench --quiet --workspace --bench system

release: packages
	@$(patiently) $(CARGO) build --release --workspace

packages:
	@infra/native/packages.sh

services: packages
	@$(patiently) $(CARGO) build --workspace
