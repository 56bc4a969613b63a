# Two commands do everything on a fresh machine: `make demo` and `make test`; `make assistant` adds the larger model that
# stands on an open base. Each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
# A GPU needs nothing more; to take the CPU build from its own index: make TORCH="torch --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
PIP = $(VENV)/bin/pip --disable-pip-version-check -q
BIN = $(VENV)/bin

.PHONY: demo assistant test docs clean

demo: $(VENV)/.serve
	$(BIN)/anatili run recipes/tiny.toml
	@echo
	@echo "Ask it in the terminal:    $(BIN)/anatili chat tiny"
	@echo "Open it in a browser:      $(BIN)/anatili serve tiny --port 8000   then http://127.0.0.1:8000"
	@echo "Search the corpus:         $(BIN)/anatili search tiny \"ұлттық тағамдар\""
	@echo "See what was made:         $(BIN)/anatili status tiny"

assistant: $(VENV)/.serve
	$(PIP) install -e ".[gemma]"
	$(BIN)/anatili chat

test: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

docs: $(VENV)/.dev
	$(BIN)/python docs/write_reference.py

$(VENV)/.serve: pyproject.toml
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed: make PYTHON=python3.11"'
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(PIP) install $(TORCH)
	$(PIP) install -e ".[serve,eval,files]"
	touch $@

$(VENV)/.dev: $(VENV)/.serve
	$(PIP) install -e ".[dev]"
	touch $@

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
