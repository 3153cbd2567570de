# Thin on purpose: each target is one call of a script that can be run by hand.
.PHONY: help demo demo-stop test bench install install-vector-shim uninstall-vector-shim package clean
PG_CONFIG ?= /usr/lib/postgresql/15/bin/pg_config

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 24

demo: ## Fashion-MNIST in a private cluster: index, searches, filters, recall, a page to look at
	@examples/demo/run

demo-stop: ## stop the demo's cluster; `make demo` starts it again
	@examples/demo/run stop

test: ## every test; one rung alone: tests/run RUNG
	@tests/run

bench: ## annex beside pgvector on one server
	@tests/bench/run

install: ## build and install for a server: make install PG_CONFIG=/path/to/pg_config
	@pgrx-config/install.sh $(PG_CONFIG)

install-vector-shim: ## let CREATE EXTENSION vector stand for annex on the server of PG_CONFIG
	@pgrx-config/shim.sh install $(PG_CONFIG)

uninstall-vector-shim: ## the reverse; databases keep their tables
	@pgrx-config/shim.sh uninstall $(PG_CONFIG)

package: ## a tarball and a .deb in dist/ for the server of PG_CONFIG
	@pgrx-config/package.sh $(PG_CONFIG)

clean: ## remove what was built here
	@rm -rf target results dist
