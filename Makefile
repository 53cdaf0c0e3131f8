# Everything a user or developer runs. Each target first sets up what it needs (bootstrap.sh; docs/start/setup.md).
# Extra arguments: make test ARGS="-k touchstone", make demo ARGS="--help".

ARGS =
TESTS = -m "not nightly"
BIN = .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo check test nightly lint format bench docs lock wheel fuzz clean

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 15

setup: ## set up .venv and ngspice for all of the below, and run nothing
	@sh bootstrap.sh test lint ngspice

demo: ## run the demonstration, which writes the folder demo
	@sh bootstrap.sh ngspice
	$(BIN)/resonet demo $(ARGS)

check: lint ## check style and types, and run the fast tests: within a minute
	@sh bootstrap.sh test ngspice
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -m fast --numprocesses auto --dist loadfile $(ARGS)

test: ## run the tests (where CI is set, those of the Verilog-A files too: a large download)
	@sh bootstrap.sh test $(if $(CI),va) ngspice
	OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= \
		$(BIN)/python -m pytest $(TESTS) --numprocesses auto --dist loadfile --no-loadscope-reorder $(ARGS)

nightly: TESTS =
nightly: test fuzz bench ## run the tests, the long ones too, fuzz every reader, then every benchmarks/show_*.py

# mypy sees the folders as resonet.* through links in .venv/typing; its messages name the real files again.
lint: ## check style, formatting and types
	@sh bootstrap.sh lint
	@rc=0; \
	echo 'ruff check'; $(BIN)/ruff check . || rc=1; \
	echo 'ruff format --check'; $(BIN)/ruff format --check . || rc=1; \
	echo 'mypy'; types=$$(MYPYPATH=.venv/typing $(BIN)/mypy 2>&1) || rc=1; \
	printf '%s\n' "$$types" | sed 's,^\.venv/typing/resonet/,,'; \
	exit $$rc

format: ## format the code, and make the safe corrections of style
	@sh bootstrap.sh lint
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: ## run every benchmarks/show_*.py
	@sh bootstrap.sh test va browser ngspice
	@rc=0; \
	for script in benchmarks/show_*.py; do \
		if [ -f "$$script" ]; then echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || rc=1; fi; \
	done; \
	exit $$rc

docs: ## build the site of the pages in build/docs/site, run their code blocks, and recompute the main numbers
	@sh bootstrap.sh docs test ngspice
	$(BIN)/python docs/tools/pages.py
	$(BIN)/python docs/tools/blocks.py $(ARGS)
	$(BIN)/python docs/tools/drift.py

lock: ## renew requirements/: the versions, with hashes, that tests and CI install
	@sh bootstrap.sh release
	@sh requirements/lock.sh $(BIN)/uv

wheel: ## build the wheel and its bill of materials (CycloneDX) in dist/; the same commit gives the same bytes
	@sh bootstrap.sh release
	rm -rf build/source && mkdir -p build/source dist
	umask 022; git archive HEAD | tar -x -C build/source; SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		$(BIN)/python -m build --wheel --outdir dist build/source
	$(BIN)/cyclonedx-py requirements requirements/base.txt --output-reproducible --of JSON -o dist/sbom.cdx.json
fuzz: ## read 10,000 broken inputs with every reader, and 3,000 random networks as onnxruntime does
	@sh bootstrap.sh test
	$(BIN)/python benchmarks/fuzz_readers.py $(ARGS)
	$(BIN)/python benchmarks/fuzz_graphs.py

clean: ## remove .venv, the folder demo and the caches
	rm -rf .venv demo build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
