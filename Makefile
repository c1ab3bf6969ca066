# Everything starts here. `make demo` shows the whole line at work, `make test` runs every test.
PYTHON ?= python3
VENV := .venv/bin
RUN := $(VENV)/python
# Compiled modules are kept: a process starts in a second instead of five.
unexport PYTHONDONTWRITEBYTECODE
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: demo serve test check fix bench reproduce ro-crate rehearse-graph soak lock messages screenshots

demo: install        ## a study from protocol to report; ARGS=--once stops after printing, ARGS="--participants 40" is quicker
	@$(RUN) manage.py demo $(ARGS)

serve: install       ## web, worker and embedded services without the demonstration's study
	@$(RUN) manage.py serve $(ARGS)

test: install        ## every test, browser tests included; ARGS="tests/study -x" runs some
	@$(RUN) -m tests.browser_ready
	@$(RUN) -m pytest -n 2 --dist loadgroup $(ARGS)

check: install       ## format, lint, types, import rules, templates, migrations, documentation
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy .
	$(VENV)/lint-imports
	$(VENV)/djlint templates study elicitation llm --lint --quiet
	$(RUN) manage.py makemigrations --check --dry-run
	$(RUN) manage.py reference --check

fix: install         ## what can be put right by itself
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

bench: install       ## every benchmark; ONLY=mixed, moral_graph, streams, bundle or pages runs one, ARGS are that one's own
	@$(RUN) -m benchmarks $(addprefix --only ,$(ONLY)) $(ARGS)

reproduce: install   ## run a bundle's plan again in a new environment and compare every number; BUNDLE=folder
	@$(RUN) -m study.evidence.reproduce --clean $(BUNDLE)

ro-crate: install    ## hold a bundle against roc-validator, installed below .cache on first use; BUNDLE=folder
	@$(RUN) -m tests.ro_crate $(BUNDLE)

rehearse-graph: install  ## an elicitation with 500 simulated participants over HTTP, and how well their order is recovered
	@$(RUN) manage.py rehearse_graph $(ARGS)

soak: install        ## the long simulations and fault campaigns that `make test` leaves out
	@$(RUN) -m pytest -m soak $(ARGS)

lock: install        ## versions and hashes of all dependencies; names no host
	$(VENV)/uv pip compile --quiet --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header pyproject.toml -o requirements.lock
	$(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header tests/ro_crate/requirements.in -o tests/ro_crate/requirements.txt

screenshots: install ## every page of the panel at 1440, 1024 and 360 px; the main ones into docs/images/panel
	@$(RUN) -m tests.screenshots $(ARGS)

messages: install    ## collect and compile translations (needs gettext)
	$(RUN) manage.py makemessages --all --extension html,txt,py,svg --no-wrap --no-location --no-obsolete \
	  --ignore=.venv --ignore=.cache --ignore=tests
	$(RUN) manage.py compilemessages --ignore=.venv --ignore=.cache

.PHONY: install
install:
	@$(PYTHON) config/install.py
