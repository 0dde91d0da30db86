# Every target sets up what it needs: a fresh machine wants Python 3.11 or newer, make, and Qt's libraries (README).

PYTHON ?= python3
# tests run in so many processes, those of a file in one, in the order of tests/conftest.py
WORKERS ?= 2
# tests of what is said of bad input
PROVOKING := $(addprefix tests/calib_core/,cli io jobs detector store subjects test_params.py \
    characterisation/test_few_frames.py) $(addprefix tests/systems/test_,bad_input.py bad_output.py stray_cells.py)
# what is compiled is kept: some thousand processes of tests would each compile it anew
unexport PYTHONDONTWRITEBYTECODE
BIN := .venv/bin
INSTALLED := .venv/.installed
WARM := .venv/.warm

.PHONY: demo test whole indices bench sentences biases lint installed venv clean

demo: venv
	$(BIN)/calibwb demo $(DETECTORS)

test: venv
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# what `make test` tries a sample of: kills, damaged runs, flipped bytes, choices of steps; an hour and more
whole: venv
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --whole tests/campaigns tests/contract/test_passes.py

# what calls kernels, with a check of every index; numba would keep an overrun to itself
indices: installed
	PYTHONPATH=tests $(BIN)/pytest -p checked_indices tests/calib_core/numerics tests/calib_core/io/test_layouts.py \
	    tests/calib_core/simulate/test_noise.py tests/calib_core/simulate/test_light.py \
	    tests/calib_core/simulate/scenes tests/calib_core/correction/test_fused.py \
	    tests/calib_core/characterisation/test_correct_summary.py tests/app/widgets/test_colour.py tests/app/widgets/test_levels.py tests/app/widgets/test_placement.py \
	    --deselect tests/calib_core/numerics/test_kept_code.py --deselect tests/calib_core/numerics/test_processors.py \
	    --deselect tests/calib_core/numerics/test_scan_errors.py -k "not generic_processor" -m "not many"

bench: venv
	$(BIN)/pytest -s -o addopts="--import-mode=importlib" tests/benchmarks

# what tests provoke is read aloud; those that break the program itself say what no input makes it say
sentences: venv
	PYTHONPATH=tests $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile -m "not breaks" -p sentences \
	    --sentences docs/developer/sentences.md $(PROVOKING)

# numbers of docs/corrections.md, anew from simulated light
biases: venv
	$(BIN)/pytest -q tests/calib_core/correction/test_biases.py -k page --biases docs/corrections.md

lint: installed
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

venv: $(WARM)

# without kernels, which checks of the text need not wait for
installed: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "$(PYTHON) is older than 3.11; use make PYTHON=/path/to/a/newer/python3"; exit 1; }
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(INSTALLED)

$(WARM): $(INSTALLED)
	-$(BIN)/calibwb warmup
	touch $(WARM)

clean:
	rm -rf .venv build dist *.egg-info
