# Every target makes its own environment first; nothing but Python 3.11 (or newer), make and a package index is needed.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
export OMP_NUM_THREADS ?= 1

.PHONY: help install lock demo engines test check format docs benchmark table1 table2 figure2 judge classifiers funnel table3 dft conductivity clean

help: ## List the targets
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED) ## Create .venv with the pinned packages

$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "wyckforge needs Python 3.11 or newer; call make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	@touch $@

lock: ## Resolve the dependencies anew and write requirements.lock
	rm -rf .cache/lock
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install --quiet '.[dev,docs]'
	{ printf '%s\n' \
		'# Made by `make lock`: what a clean resolve of pyproject.toml with the extras dev and docs installs.' \
		'# Exact versions without local tags, so that any build of a release fits. Do not edit by hand.'; \
	  .cache/lock/bin/python -m pip freeze --exclude wyckforge | sed 's/+[a-z0-9.]*$$//'; } > requirements.lock
	rm -rf .cache/lock

demo: install ## Design a few crystals with the bundled model: demo/report.html
	$(BIN)/wyckforge design --config configs/demo.toml --out demo

engines: ## Install the free engines of `wyckforge dft` that the tests run (Debian and Ubuntu, as root)
	@missing=""; \
	command -v pw.x >/dev/null && command -v mpirun >/dev/null || missing="$$missing quantum-espresso openmpi-bin"; \
	command -v gpaw >/dev/null || missing="$$missing gpaw gpaw-data"; \
	if [ -n "$$missing" ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$missing >/dev/null; fi

test: install ## Run the whole test suite on two cores
	$(BIN)/python -m pytest -n 2

check: install ## Lint, formatting, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: install ## Build the documentation into site/
	$(BIN)/mkdocs build --strict

benchmark: install ## Print every speed figure beside its goal
	$(BIN)/python benchmarks/run_all.py

table1: install ## Train every forward model of the paper's Table 1 (hours): docs/benchmarks/table1.md
	$(BIN)/python benchmarks/table1.py --resume

judge: install ## Train the model that judges relaxed crystals (hours, minutes on a GPU): docs/benchmarks/judge.md
	$(BIN)/python benchmarks/judge.py --resume

classifiers: install ## Train the two classifiers of the funnel (twenty minutes): docs/benchmarks/classifiers.md
	$(BIN)/python benchmarks/classifiers.py --resume

funnel: install ## Send the paper's design case through the funnel (minutes): docs/benchmarks/funnel.md
	$(BIN)/python benchmarks/funnel.py --resume

table2: install ## Train the models of the paper's Table 2 (an hour): docs/benchmarks/table2.md
	$(BIN)/python benchmarks/table2.py --resume

figure2: table2 ## Draw the paper's Figure 2 with a model of table2: docs/benchmarks/figure2.md
	$(BIN)/python benchmarks/figure2.py

table3: install ## Make the paper's eight crystals anew (an hour): docs/benchmarks/table3.md
	$(BIN)/python benchmarks/table3.py

dft: install engines ## Textbook crystals from first principles beside published values (hours): docs/benchmarks/dft.md
	$(BIN)/wyckforge dft pseudopotentials
	$(BIN)/python benchmarks/dft.py

conductivity: install ## Fit the model of lattice conductivities (half an hour): docs/benchmarks/conductivity.md
	$(BIN)/python benchmarks/conductivity.py

clean: ## Remove everything that is made
	rm -rf .venv .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist site demo
