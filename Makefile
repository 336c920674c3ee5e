# The two commands, on a fresh machine too. Everything else is in the justfile.

.PHONY: help setup run test
help:
	@echo "make run    sets up, builds, boots Nexus to its prompt"
	@echo "make test   sets up, builds, runs every check and test"
	@echo "make setup  installs what is missing, nothing else; NEXUS_SETUP=no only looks"

setup:
	@scripts/setup.sh
	@scripts/nexus setup

run: setup
	@scripts/nexus run

test: setup
	@scripts/nexus ci
