# Two commands for a fresh machine: `make demo` and `make test`. The virtual environment is made once per change of
# the project's own dependency lists.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint types unit bench clean

demo: $(VENV)/.demo
	@$(BIN)/treadle demo

test: lint types unit

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(VENV)/.dev
	$(BIN)/mypy

# Tests of the loop, the commands and the files spend most of their time compiling: XLA optimises little there. What
# checks arithmetic runs as users run it, and what reads texts on plain JAX scans too, as on a machine without a compiler.
COMPILING := tests/training tests/cli tests/inspection $(wildcard tests/test_*.py)

unit: $(VENV)/.dev
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(COMPILING:%=--ignore=%)
	XLA_FLAGS=--xla_backend_optimization_level=0 $(BIN)/python -m pytest --numprocesses auto --dist loadfile $(COMPILING)
	TREADLE_KERNELS=scan $(BIN)/python -m pytest --numprocesses auto tests/nn/test_text.py tests/kernels/test_embedding.py

# Keras and TensorFlow stand beside Treadle in the same environment, so that both are measured in one run.
bench: .venv-bench/.ready
	.venv-bench/bin/python -m benchmarks

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@ $(VENV)/.demo

.venv-bench/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) .venv-bench build src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
