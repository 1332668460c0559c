# What there is to do: reproduce, test, lint, bench. Each sets up first, which takes no time when nothing changed.

PYTHON ?= python3
UV := .uv/bin/uv
SYNCED := .venv/.synced
# Nothing but package caches is written outside this folder, and the Python is the one that is here.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv

.PHONY: reproduce mine setup site test coverage wheel test-gpu test-faults test-slurm lint format bench docs envs verify compare reference showcase check-showcase clean

reproduce: $(SYNCED)
	.venv/bin/snakemake --cores all
	.venv/bin/snakemake --report results/default/report.html

# `make mine NPZ=path/to/my.npz`: every figure and verdict for your own data, as the run `my` (or NAME=…); several files if NPZ holds
# several. Paths are relative to where make was called. The settings are those of examples/own_data.yaml, left in my.yaml to be changed.
mine: $(SYNCED)
	@test -n "$(NPZ)" || { echo "Error: name your data, as in make mine NPZ=my.npz (docs/own-data.md says what it holds)"; exit 1; }
	.venv/bin/agop-dnc mine $(if $(NAME),--name "$(NAME)") $(foreach file,$(NPZ),"$(if $(filter /%,$(file)),$(file),$(PWD)/$(file))")

setup: $(SYNCED)

# The mark is made last, so that a set-up that was killed is done again.
$(SYNCED): pyproject.toml uv.lock | .uv/.installed
	@rm -f $@
	$(UV) sync --locked --extra pipeline --python $(PYTHON) --compile-bytecode
	@touch $@

.uv/.installed:
	$(PYTHON) -m venv --clear .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	@touch $@

test: $(SYNCED)
	.venv/bin/pytest

# The same, with the lines that the tests run counted in all processes.
coverage: $(SYNCED)
	rm -f .coverage .coverage.*
	.venv/bin/pytest --cov --cov-report=

# The wheel, installed by itself in an environment of its own, where neither Snakemake nor the drawing packages are.
wheel: $(SYNCED)
	rm -rf dist .wheel
	$(UV) build --quiet --wheel --out-dir dist
	$(UV) venv --quiet --python $(PYTHON) .wheel
	$(UV) export --quiet --locked --no-default-groups --no-emit-project --no-hashes | $(UV) pip install --quiet --python .wheel -r -
	$(UV) pip install --quiet --python .wheel --no-deps dist/*.whl
	cd dist && ../.wheel/bin/python -c "import importlib.util as u; assert not any(map(u.find_spec, ('snakemake', 'seaborn', 'papermill'))); \
	  from agop_dnc import DeepRFM, __version__, measure; print('agop-dnc', __version__, 'imports by itself:', measure.__name__, DeepRFM.__name__)" && ../.wheel/bin/agop-dnc --help >/dev/null
	rm -rf .wheel

# Every path that runs on a GPU, next to the same on the CPU; says what is left out if there is none.
test-gpu: $(SYNCED)
	.venv/bin/pytest -n 0 -rs tests/test_devices.py

# Kills, full disks, damaged files and poor environments: minutes.
test-faults: $(SYNCED)
	.venv/bin/pytest -m faults --dist load tests/test_faults.py

# Through a real Slurm of one node on this machine; needs root, and Debian's slurm-wlm and munge.
SLURM := $(CURDIR)/.slurm
test-slurm: $(SYNCED)
	tests/slurm/cluster start "$(SLURM)"
	AGOP_DNC_SLURM="$(SLURM)" .venv/bin/pytest -n 0 --durations=5 tests/slurm; code=$$?; \
	  tests/slurm/cluster stop "$(SLURM)"; rm -rf "$(SLURM)"; exit $$code

lint: $(SYNCED)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	# Less strictly; Snakemake puts `snakemake`, whose types nobody knows, into a script's globals.
	.venv/bin/mypy workflow/scripts benchmarks showcase website --no-strict-optional --allow-untyped-defs --allow-untyped-calls --allow-any-generics \
	  --disable-error-code name-defined --disable-error-code var-annotated --disable-error-code operator --disable-error-code misc \
	  --disable-error-code arg-type --disable-error-code import-untyped --disable-error-code call-overload --disable-error-code call-arg
	.venv/bin/snakefmt --check Snakefile workflow
	.venv/bin/lint-imports
	.venv/bin/snakemake --lint
	.venv/bin/nbstripout --verify notebooks/*.ipynb docs/tutorials/*.ipynb

format: $(SYNCED)
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	.venv/bin/snakefmt Snakefile workflow
	.venv/bin/nbstripout notebooks/*.ipynb docs/tutorials/*.ipynb

bench: $(SYNCED)
	.venv/bin/python benchmarks/run.py

# The configuration's page, from the typed settings.
docs: $(SYNCED)
	.venv/bin/python -c "from agop_dnc.pipeline import config; from agop_dnc.studies import all; print(config.markdown(all.model()), end='')" > docs/configuration.md
	.venv/bin/python -c "import json; from agop_dnc.studies import all; print(json.dumps(all.model().model_json_schema(), indent=1, ensure_ascii=False))" > docs/configuration.schema.json

# The documentation site, site/index.html, with the tutorials executed; neither building nor reading it needs a network.
site: $(SYNCED)
	NO_MKDOCS_2_WARNING=1 .venv/bin/python -m mkdocs build --strict

# The conda environment, from the lock; the library itself is used from the checkout.
envs: $(SYNCED)
	{ printf '# Made from uv.lock by `make envs`.\nname: agop-dnc\nchannels: [conda-forge]\n'; \
	  printf 'dependencies:\n  - python=3.12\n  - pip\n  - pip:\n'; \
	  $(UV) export --quiet --locked --no-default-groups --extra pipeline --no-hashes --no-emit-project --no-annotate --no-header \
	  | sed 's/^/      - /'; } > envs/environment.yaml

# Is a finished run what its records say? `make verify`, or `make verify RUN=mine`.
RUN ?= default
verify: $(SYNCED)
	.venv/bin/agop-dnc verify $(RUN)

# Do two runs' tables agree? `make compare A=results/default B=elsewhere/results/default`.
compare: $(SYNCED)
	@test -n "$(A)" -a -n "$(B)" || { echo "Error: name two runs, as in make compare A=results/default B=results/showcase/default"; exit 1; }
	.venv/bin/agop-dnc compare "$(A)" "$(B)"

# The default run with AVX2 alone, whose tables depend less on the processor (docs/design.md).
reference: $(SYNCED)
	.venv/bin/snakemake --cores all --config instructions=avx2
	.venv/bin/snakemake --report results/default/report.html --config instructions=avx2

# Its figures, tables and notebooks, which README and docs/results.md show, and its checksums.
showcase: reference
	.venv/bin/python showcase/make.py

# Whether the showcase is what the code makes: the whole run again, compared with it.
check-showcase: reference
	.venv/bin/agop-dnc verify default
	AGOP_DNC_RUN=. .venv/bin/pytest -n 0 -rs tests/test_showcase.py

clean:
	rm -rf .venv .uv .wheel dist site
