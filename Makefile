# Two commands do everything on a fresh machine: `make demo` and `make test`; `make assistant` adds the larger model that
# stands on an open base. Each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
# A GPU needs nothing more; to take the CPU build from its own index: make TORCH="torch --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
# Python compiles what is used when it is first used; compiling everything that is installed takes a minute. The result is kept
# also where the environment says otherwise: without it, each process that loads torch compiles for seconds again.
export PYTHONDONTWRITEBYTECODE =
INSTALL = $(VENV)/bin/pip --disable-pip-version-check -q install --no-compile
BIN = $(VENV)/bin

.PHONY: demo assistant lint test docs clean

demo: $(VENV)/.serve
	$(BIN)/anatili run recipes/tiny.toml
	@echo
	@echo "Ask it in the terminal:    $(BIN)/anatili chat tiny"
	@echo "Open it in a browser:      $(BIN)/anatili serve tiny --port 8000   then http://127.0.0.1:8000"
	@echo "Search the corpus:         $(BIN)/anatili search tiny \"ұлттық тағамдар\""
	@echo "See what was made:         $(BIN)/anatili status tiny"

assistant: $(VENV)/.serve
	$(INSTALL) -e ".[gemma]"
	$(BIN)/anatili chat

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --num-workers 2

test: lint
	$(BIN)/python -m pytest

docs: $(VENV)/.dev
	$(BIN)/python docs/write_reference.py

$(VENV)/.torch:
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), "Python 3.11 or newer is needed: make PYTHON=python3.11"'
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip    # a newer pip installs in two thirds of the time
	$(INSTALL) $(TORCH)
	touch $@

$(VENV)/.serve: $(VENV)/.torch pyproject.toml
	$(INSTALL) -e ".[serve,eval,files]"
	touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml    # all that .serve installs, and more
	$(INSTALL) -e ".[dev]"
	touch $@ $(VENV)/.serve

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
