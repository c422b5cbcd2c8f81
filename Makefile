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
.PHONY: help demo test tools down fmt lint bench-start bench-telemetry packages services

help: ## Show this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

demo: services ## Install what is missing, build, start everything, make the journey
	@$(glasshouse) up $(UP)

test: packages ## Install what is missing, build, run every test against real backing services
	@$(patiently) $(CARGO) build --workspace --all-targets
	@$(glasshouse) backing -- $(CARGO) test --workspace

tools: services ## Build Collector, Jaeger, Loki and daprd, once for all checkouts (about 12 min)
	@$(glasshouse) tools

down: ## End what runs, and whatever a crash has left
	@$(glasshouse) down

fmt: ## Format the code
	@$(CARGO) fmt --all

lint: ## Check format and lints
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --workspace --all-targets -- -D warnings

bench-start: ## Measure start-up, idle memory, metrics rendering and program size
	@$(patiently) $(CARGO) build --release --workspace --bins
	@$(target)/release/glasshouse bench start

bench-telemetry: ## Measure what telemetry costs a request
	@$(patiently) $(CARGO) build --release --workspace --bins
	@$(target)/release/glasshouse bench telemetry

packages:
	@infra/native/packages.sh

services: packages
	@$(patiently) $(CARGO) build --workspace --bins
