# PhysioDL. `make` alone lists what there is; every target sets up what it needs.
#
#   PYTHON=python3.13   make the environment with this Python     JOBS=4    tests side by side
#   TORCH_INDEX=        take torch from the ordinary index (GPU)  ARGS=...  handed on to lab, grade, bench and pytest

SHELL := /bin/sh
VENV := .venv
JOBS ?= 2
ARGS ?=
PYTHON ?=

# nbgrader calls its helpers by name, so they must be on PATH. A PYTHONPATH set for other software (ROS, for one) would
# bring its packages in; a kernel called python3 of the user's own would take the place of the course's.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
unexport PYTHONPATH PYTHONHOME JUPYTER_PATH
export JUPYTER_PREFER_ENV_PATH = 1

.PHONY: help setup lab test grade notebooks bench clean
.DEFAULT_GOAL := help

help: ## this list
	@echo 'PhysioDL: deep learning for physiological data'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1#\2/p' Makefile | awk -F'#' '{ printf "%-18s%s\n", $$1, $$2 }'

# The first Python of 3.11 to 3.13 that really runs (a version manager's shim may be there and fail) makes the
# environment. Where there is none, any Python 3 tells what is missing.
setup: ## make or mend the environment in .venv
	@suits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	if [ -n "$(PYTHON)" ]; then exec "$(PYTHON)" tools/bootstrap.py --exact; fi; \
	for python in python3 python3.13 python3.12 python3.11; do \
		if $$python -c "$$suits" >/dev/null 2>&1; then exec $$python tools/bootstrap.py; fi; \
	done; \
	if python3 -c '' >/dev/null 2>&1; then exec python3 tools/bootstrap.py; fi; \
	echo 'No suitable Python: the course needs Python 3.11 to 3.13.' >&2; \
	echo '  found:  none that runs' >&2; \
	echo '  do:     install Python 3.12 (python.org; Debian and Ubuntu: apt install python3 python3-venv)' >&2; \
	exit 1

lab: setup ## open the course in JupyterLab
	@exec $(VENV)/bin/python tools/lab.py $(ARGS)

# One thread a process: tests run side by side, and threads that wait for each other would cost more than they bring.
test: setup ## run the tests
	$(VENV)/bin/python -m ruff check .
	OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

grade: setup ## grade the example class and write its report
	@$(VENV)/bin/autograder demo $(ARGS)

notebooks: setup ## build the notebooks from their text sources
	@$(VENV)/bin/autograder build $(ARGS)

bench: setup ## time, memory and scores of the reference networks
	@$(VENV)/bin/python -m bench $(ARGS)

clean: ## remove the environment and caches; data and classes stay
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
