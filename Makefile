# make setup | demo | test | test-slow | lint | format | docs | workspace | lock | clean
PYTHON ?= $(shell command -v python3.11 || command -v python3)
SEED ?= 0
WORKERS ?= auto
BIN := .venv/bin
TESTS ?= test

# Another ROS 2's environment must not leak into .venv.
unexport _ROS_WHEELS_BOOTSTRAP_COMPLETE

.DEFAULT_GOAL := setup
.PHONY: setup demo test test-slow lint format docs workspace lock clean

setup: ## make .venv ready; does nothing when it is
	@test -n '$(PYTHON)' || { echo 'setup: no Python: install python3.11' >&2; exit 1; }
	@$(PYTHON) scripts/set_up.py

demo: setup ## clear a table of five objects
	@$(BIN)/sakiyomi demo --seed $(SEED)

# Files run side by side, so each process gets one thread.
test: setup ## the tests that CI runs
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not slow' \
		--numprocesses $(WORKERS) --maxprocesses 4 --dist loadfile $(TESTS)

test-slow: setup ## the long tests
	@$(BIN)/python -m pytest -m slow $(TESTS)

lint: setup ## style and spelling
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell

format: setup ## bring the style in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: setup ## the tables of the docs, from their sources
	@$(BIN)/python docs/write_tables.py

workspace: setup ## build the ROS 2 workspace with colcon, on the wheels in .venv
	@scripts/build_workspace

lock: setup ## pin requirements.in anew
	@$(BIN)/python scripts/lock.py

clean: ## remove everything that was made, .venv too
	rm -rf .venv build install log dist *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
