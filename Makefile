# Two commands do everything on a fresh machine: `make run` and `make test`.
SHELL := bash
CARGO ?= cargo
WEB := gateway/web
WEB_SOURCES := $(shell find $(WEB) -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

# The same selection for the binary and for the tests, so that no dependency is built twice with other features.
BUILD := $(CARGO) build --workspace --bins --tests

.PHONY: run test rehearse bench soak sim lint web prompts setup

run: setup web
	$(CARGO) run --bin tandem -- demo

test: setup web
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	cd $(WEB) && npm run --silent check
	$(BUILD)
	$(CARGO) test --workspace --no-fail-fast
	$(MAKE) --no-print-directory rehearse

# The product's one story with real browsers and a SIP phone; what it saw lies in target/rehearsal/.
rehearse: setup web
	$(BUILD)
	tests/rehearse/run

# Full-size figures; the tables in docs/performance.md come from here.
bench: setup web
	$(CARGO) bench -p tests --bench sip_message
	$(CARGO) bench -p tests --bench talk_off
	$(CARGO) build --release --bin tandem
	tests/bench/run

soak: setup web
	$(CARGO) build --release --bin tandem
	tests/bench/soak

# Days of calls in the simulated world: SEEDS=10000 make sim, or SEED=0x2f1c make sim for one; TEST= names one kind of them.
sim:
	$(CARGO) test --release -p tests --test world $(TEST) -- --nocapture

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

web: $(WEB)/dist/.built

$(WEB)/dist/.built: $(WEB_SOURCES)
	cd $(WEB) && npm ci --silent --no-fund --no-audit && npm run --silent build
	@touch $@

prompts:
	deploy/prompts.sh

setup:
	@deploy/setup.sh
