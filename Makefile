# `make run` and `make test` are all that a newcomer needs: Python 3.11 or newer, and make.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
ON_POSTGRES := $(BIN)/python tests/on_postgres.py $(BIN)/pytest
SIDE_BY_SIDE := -n 2 --dist loadfile
MO := kb/locale/zh_Hans/LC_MESSAGES/django.mo

.PHONY: run test check suite environment clean

run: environment $(MO) ## the demo store on 127.0.0.1:$(PORT)
	@KB_BASE_URL=$${KB_BASE_URL:-http://127.0.0.1:$(PORT)} $(BIN)/python manage.py prepare --demo
	@KB_BASE_URL=$${KB_BASE_URL:-http://127.0.0.1:$(PORT)} $(BIN)/gunicorn --config kb/gunicorn.py --bind 127.0.0.1:$(PORT) kb.wsgi

test: check suite ## style, types, and the suite: on SQLite, then its database part on PostgreSQL

check: environment
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

suite: environment $(MO)
	$(BIN)/python manage.py prepare_encoder
	$(BIN)/pytest $(SIDE_BY_SIDE) -m "not commits"
	$(BIN)/pytest -m commits
	$(ON_POSTGRES) $(SIDE_BY_SIDE) -m "not e2e and not commits" --ignore-glob "tests/test_engine_*"
	$(ON_POSTGRES) -m commits

environment: .venv/installed

# pip is asked again only when the pinned versions have changed.
.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Zhida needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check '.[dev]'
	@touch $@

%.mo: %.po .venv/installed
	$(BIN)/pybabel --quiet compile --locale zh_Hans --domain django --directory kb/locale

clean: ## forget everything that was made, the demo's data too
	rm -rf .venv var $(MO)
