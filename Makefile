# Every target sets up what it needs: a fresh machine wants Python 3.11 or newer, make, and Qt's libraries (README).

PYTHON ?= python3
# tests run in so many processes, those of a file in one
WORKERS ?= 2
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test bench lint venv clean

demo: venv
	$(BIN)/calibwb demo $(DETECTORS)

test: venv
	$(BIN)/pytest -n $(WORKERS) --dist loadfile

bench: venv
	$(BIN)/pytest -s -o addopts="--import-mode=importlib" tests/benchmarks

lint: venv
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

venv: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "$(PYTHON) is older than 3.11; use make PYTHON=/path/to/a/newer/python3"; exit 1; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(INSTALLED)

clean:
	rm -rf .venv build dist *.egg-info
