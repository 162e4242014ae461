# Evercart: `make` alone says what there is.
PORT ?= 8787

.DEFAULT_GOAL := help
.PHONY: help run test verify setup clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

run: ## build, import the catalog, serve it all on this machine (PORT=8787, LOG=debug: say all)
	@LOG="$(LOG)" tools/run $(PORT)

test: ## every check and test, in a quarter of an hour (CI=true: larger, as CI runs them)
	@tools/test

verify: ## all of it at the figures of a release, in hours, and docs/verification.md (ONLY="traces worlds", AGAIN=1, SEED=1)
	@tools/setup && AGAIN="$(AGAIN)" SEED="$(SEED)" tools/verify $(ONLY)

setup: ## install the pinned tools, once
	@tools/setup

clean: ## remove what was built, and the local databases; tools stay
	rm -rf target build .wrangler .replay

.PHONY: replay replay-regions replay-broken
replay: ## play real baskets against the Worker and account for every edit (BASKETS=2000 or all, SEED=1, URL=)
	@BASKETS="$(BASKETS)" SEED="$(SEED)" URL="$(URL)" tools/replay

replay-regions: ## the same with carts that travel between three regions (BASKETS=2000 or all, SEED=1)
	@BASKETS="$(BASKETS)" SEED="$(SEED)" tools/replay --regions

replay-broken: ## show that the account finds out builds that are broken on purpose (SEED=1)
	@SEED="$(SEED)" tools/replay_broken

.PHONY: bench measure
measure: ## write the measured sections of docs/ anew (on a quiet machine; half an hour)
	@tools/setup && tools/measure

bench: ## time the core beside the crate crdts, as ratios (run it on a quiet machine)
	@cargo test --locked --release -p cart-core --test ratio -- --ignored --nocapture
	@cargo bench --locked -p cart-core

.PHONY: search-times
search-times: ## time the search beside SQLite's FTS5 and tantivy, as tables (quiet machine; fetches tantivy for Python)
	@tools/search_times

.PHONY: load
load: ## load beside bare Workers, as ratios, into docs/performance.md (quiet machine, half an hour; QUICK=1, STATE=disk, PROFILE=add)
	@QUICK="$(QUICK)" STATE="$(STATE)" PROFILE="$(PROFILE)" ROUNDS="$(ROUNDS)" tools/load

.PHONY: soak
soak: ## ten million random schedules of simulated regions, and the ledger of them in docs/soak.md (SCHEDULES=10000000)
	@SCHEDULES="$(SCHEDULES)" tools/soak

.PHONY: evercart dlq move-slot
evercart: ## the operator's command line: DO="regions", DO="dlq list", DO="import"; DO= says what there is (URL=)
	@URL="$(URL)" tools/evercart $(or $(DO),--help)

dlq: ## list dead letters of the stores; act on them: DO="retry all", DO="drop ID" (URL=)
	@URL="$(URL)" tools/evercart dlq $(or $(DO),list)

move-slot: ## move slots to another database of a region (REGION=weur TO=STORE_WEUR_1 SLOTS="0-63 99" URL=)
	@URL="$(URL)" tools/evercart slots move --region "$(REGION)" --to "$(TO)" $(SLOTS)

.PHONY: client
client: ## build the npm package of the client into build/client/, and say how large it is
	@tools/setup && tools/client

.PHONY: docs
docs: ## write the pages of the client's API, docs/client/, from its sources
	@tools/setup && tools/docs

.PHONY: sizes screenshots speed
sizes: ## how much a page loads, beside Automerge, Loro and Yjs: docs/client-size.md
	@tools/setup && tools/sizes

speed: ## time the pages, by Lighthouse and by hand, into docs/speed.md (on a quiet machine; RUNS=5, URL=)
	@tools/setup && RUNS="$(or $(RUNS),5)" URL="$(URL)" tools/speed

screenshots: ## photograph the pages into docs/screenshots/ (URL=)
	@tools/setup && URL="$(URL)" tools/screenshots
