# Set-up, demo, tests. Everything is installed into .venv; nothing outside this folder but pip's cache is written.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MINUTES ?= 9
SEED ?= 0
# Where torch comes from, for machines that want another build than pip's default (an index URL).
TORCH_INDEX ?=

.PHONY: demo test lint protos small-vlm bench learning-study clean

demo: $(VENV)/.installed
	$(BIN)/python -m device_scripts.demo --minutes $(MINUTES) --seed $(SEED)

test: $(VENV)/.installed lint
	$(BIN)/python -m pytest
	$(BIN)/python -m pytest -q --sessions tests/recorded tests/recorded

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy agent_runtime tuner device_scripts benchmarks

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) -c constraints.txt torch
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

# Regenerates the committed protobuf code.
protos: $(VENV)/.installed
	$(BIN)/python -m grpc_tools.protoc -I protos --python_out=protos --pyi_out=protos protos/coso/v1/*.proto
	$(BIN)/python -m grpc_tools.protoc -I protos --grpc_python_out=protos protos/coso/v1/tuner.proto
	$(BIN)/python -m grpc_tools.protoc -I protos --mypy_grpc_out=protos --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc protos/coso/v1/tuner.proto

# Trains the small VLM again, from scratch, on the virtual phone's screens.
small-vlm: $(VENV)/.installed
	$(BIN)/python -m device_scripts.small_vlm.train --output agent_runtime/small_vlm

# Every benchmark of speed and size, and the gate's, also after one that misses a bar; docs/reliability.md names the rest.
BENCHMARKS := virtual_phone observation delta delta_bytes decode weights update ingest recording rollout gate
bench: $(VENV)/.installed
	failed=0; for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name || failed=1; done; exit $$failed

# Do causal weights help? PPO, its pilots first, resumable run by run; docs/learning-study.md has the rule and other stages.
STAGE ?= rare
JOBS ?= 2
learning-study: $(VENV)/.installed
	$(BIN)/python -m benchmarks.learning_study $(STAGE) --jobs $(JOBS)

clean:
	rm -rf $(VENV) runs build dist
