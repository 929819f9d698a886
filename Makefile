# make demo    simulate a study and make the committee's PDF from it; ends with its path
# make test    every test
# make lint    linter, formatter and type checker
# make bench   benchmarks and simulation studies: minutes to hours
# make lock    resolve requirements.lock anew

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench lock setup dictionary clean
BIN := .venv/bin
DEMO := demo
SEED := 1

help:
	@sed -n 's/^# //p' Makefile

setup: .make/installed

.make/installed: requirements.lock pyproject.toml .ci/system-packages
	@.ci/system-packages
	@test -x $(BIN)/python || python3 -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@mkdir -p .make && touch $@

demo: setup
	@rm -rf $(DEMO)
	@$(BIN)/myoregistry simulate $(DEMO) --seed $(SEED)
	@$(BIN)/myoregistry --study $(DEMO) add $(DEMO)/submissions/*
	@$(BIN)/myoregistry --study $(DEMO) freeze
	@$(BIN)/myoregistry --study $(DEMO) run
	@$(BIN)/myoregistry --study $(DEMO) report committee

test: setup
	@OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: setup
	@$(BIN)/python benchmarks/reading.py
	@$(BIN)/python benchmarks/checking.py
	@$(BIN)/python benchmarks/survival.py
	@$(BIN)/python benchmarks/mixed.py
	@$(BIN)/python benchmarks/small_arms.py
	@$(BIN)/python benchmarks/small_arms_competing.py
	@$(BIN)/python benchmarks/small_arms_states.py
	@$(BIN)/python benchmarks/small_arms_cox.py
	@$(BIN)/python benchmarks/few_clusters.py
	@$(BIN)/python benchmarks/few_clusters_glm.py
	@$(BIN)/python benchmarks/small_registries.py
	@$(BIN)/python benchmarks/faults.py
	@$(BIN)/python benchmarks/stages.py
	@$(BIN)/python benchmarks/stages.py --patients 100000 --centres 40
	@$(BIN)/python benchmarks/coverage.py

dictionary: setup
	@$(BIN)/myoregistry dictionary --into README.md

lock: setup
	@$(BIN)/python -m piptools compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --extra dev --output-file requirements.lock pyproject.toml

clean:
	@rm -rf $(DEMO) .venv .make .pytest_cache .mypy_cache .ruff_cache .hypothesis
