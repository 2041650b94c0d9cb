import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

ROOMS = {"kb", "cms", "search", "tests"}
PROGRAM = [path for room in ("kb", "cms", "search") for path in (ROOT / room).rglob("*.py")]
OWN_CODE = [path for path in PROGRAM if "migrations" not in path.parts]


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def ours(path: Path) -> set[str]:
    return {name for name in imports(path) if name.split(".")[0] in ROOMS}


def test_cms_imports_neither_search_nor_the_project():
    assert {name for path in (ROOT / "cms").rglob("*.py") for name in ours(path) if not name.startswith("cms")} == set()


def test_search_never_imports_the_project():
    assert {name for path in (ROOT / "search").rglob("*.py") for name in ours(path) if name.startswith("kb")} == set()


def test_the_engine_imports_nothing_of_ours_but_itself():
    names = {name for path in (ROOT / "search" / "engine").rglob("*.py") for name in ours(path)}
    assert {name for name in names if not name.startswith("search.engine")} == set()


def test_the_engine_runs_without_django():
    modules = ["retrieval", "confidence", "fits", "rendering", "evaluation", "encoder", "onnx_encoder", "e5_export"]
    modules.append("emotion.fitting")
    code = f"import sys, {', '.join('search.engine.' + name for name in modules)}; print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_only_the_border_reads_settings():
    readers = {
        str(path.relative_to(ROOT)) for path in (ROOT / "search").rglob("*.py") if "django.conf" in imports(path)
    }
    assert readers <= {
        "search/checks.py",
        "search/encoding.py",
        "search/api/serializers.py",
        "search/api/views.py",
        "search/desk/views.py",
        "search/widget/views.py",
        "search/webhooks/outbox.py",
        "search/management/commands/prepare_encoder.py",
    }


@pytest.mark.parametrize("path", OWN_CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_stay_short(path):
    text = path.read_text(encoding="utf-8")
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 50]
    assert text.count("\n") <= 400
    assert long == []


def test_the_top_level_is_what_was_agreed():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    top = {name.split("/")[0] for name in tracked}
    agreed = {"kb", "cms", "search", "tests", "manage.py", "pyproject.toml", "README.md", "Makefile", "LICENSE"}
    assert {name for name in top if not name.startswith(".")} <= agreed | {"CHANGELOG.md"}
