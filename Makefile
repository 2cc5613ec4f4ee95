# Everything a newcomer or CI needs; `make help` lists it. Environments are built from hash-pinned locks by uv.
UV := scripts/uv
PYTHON := 3.11
BASE := .venv-base
DEV := .venv
MARK ?= not slow
unexport PYTHONDONTWRITEBYTECODE  # tests start hundreds of processes; where nothing is kept, each compiles what it imports
.DEFAULT_GOAL := help
.PHONY: help demo test system check format lock docs docs-images web bundle clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BASE)/ready: locks/base.txt pyproject.toml
	$(UV) venv --quiet --clear --python $(PYTHON) $(BASE)
	$(UV) pip sync --quiet --compile-bytecode --python $(BASE)/bin/python locks/base.txt
	$(UV) pip install --quiet --no-deps --python $(BASE)/bin/python --editable .
	@touch $@

$(DEV)/ready: locks/dev.txt pyproject.toml
	$(UV) venv --quiet --clear --python $(PYTHON) $(DEV)
	$(UV) pip sync --quiet --python $(DEV)/bin/python locks/dev.txt
	$(UV) pip install --quiet --no-deps --python $(DEV)/bin/python --editable .
	@touch $@

demo: $(BASE)/ready  ## simulate an exam, diagnose it, write a report (no torch)
	rm -rf demo
	$(BASE)/bin/usnet phantom --count 9 --seed 7 --format dicom demo/exam
	$(BASE)/bin/usnet diagnose demo/exam -o demo/results --group-by patient --report demo/results/run.json
	@echo "Open demo/results/report.html in a browser."

test: $(DEV)/ready  ## every test that this machine can run but the slow ones; make test MARK= for those too
	OMP_NUM_THREADS=1 $(DEV)/bin/python -m pytest -n 2 --dist loadgroup -m "$(MARK)" $(ARGS)

system:  ## install the system packages that some tests need (Debian or Ubuntu, as root)
	scripts/system-packages

check: $(DEV)/ready  ## ruff, mypy --strict, import contracts
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports

format: $(DEV)/ready  ## let ruff format and mend
	$(DEV)/bin/ruff format .
	$(DEV)/bin/ruff check --fix .

docs: $(DEV)/ready  ## build the documentation site into site/
	$(DEV)/bin/mkdocs build --strict

docs-images: $(DEV)/ready  ## draw the README's and the documentation's pictures anew, from phantoms
	PATH="$(CURDIR)/$(DEV)/bin:$$PATH" scripts/docs-images

web: $(DEV)/ready  ## compile the pages' scripts and messages anew (needs Node.js's npm; the result is committed)
	cd src/usnet/web/overlay && npm install --no-save --no-package-lock && npm run check && npm run build; \
	  done=$$?; rm -rf node_modules; exit $$done
	PATH="$(CURDIR)/$(DEV)/bin:$$PATH" scripts/web-words

bundle: $(DEV)/ready  ## train the shipped model: make bundle DATA="busbra busi breast" (imported and split)
	$(DEV)/bin/usnet train --config configs/fast.toml $(foreach d,$(DATA),--data $(d)) --out runs/fast
	cp -r runs/fast/bundle/. src/usnet/bundles/shipped/usnet-fast/

lock:  ## resolve the dependencies anew
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version $(PYTHON) --upgrade \
	  pyproject.toml -o locks/base.txt
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version $(PYTHON) --upgrade \
	  pyproject.toml --extra train --extra lossless --extra openvino --extra pdf --extra postgres --extra dicom --extra web \
	  --extra comparators --extra detr --extra ray --extra oidc --group dev --group docs -o locks/dev.txt

clean:  ## remove environments and what was built
	rm -rf $(BASE) $(DEV) .uv site demo build dist
