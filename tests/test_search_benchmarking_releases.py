import json
from dataclasses import asdict
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from cms.models import Shop
from search import benchmarking_releases
from search.benchmarking import CannotMeasure
from search.benchmarking_releases import ReleaseSizes

TINY = ReleaseSizes(entries=40, patches=2, pending=5, switches=2, searches=12)


@pytest.mark.slow
@pytest.mark.django_db
def test_a_made_up_library_is_measured_in_a_database_of_its_own(monkeypatch):
    monkeypatch.setattr(benchmarking_releases, "QUICK", TINY)
    out = StringIO()
    call_command("benchmark", "--releases", "--quick", "--json", stdout=out)
    report = json.loads(out.getvalue())
    found = report["releases"]
    assert list(report) == ["machine", "releases"]
    assert (found["entries"], found["phrasings"]) == (40, 200)
    assert {"patch", "growth", "cut", "rollback", "past", "reread", "cold_build_s"} < set(found)
    assert (found["cut"]["changes"], found["past"]["entries_apart"]) == (5, 5)
    assert found["growth"]["bytes_beyond_text"] < 10_000
    assert not Shop.objects.exists()


FIGURES = {
    "entries": 40,
    "phrasings": 200,
    "database": "a temporary SQLite file",
    "vectors": "made up",
    "cold_build_s": 2.0,
    "processor_s": 20.0,
    "wall_s": 21.0,
    "patch": dict.fromkeys(("live_s", "publish_s", "release_s", "build_s", "first_answer_s"), 0.5)
    | {"first_key_stroke_s": 0.1, "ratio": 4.0},
    "growth": {"bytes_beyond_text": 700},
    "cut": {"changes": 5, "seconds": 1.0, "build_s": 0.2, "gate_s": 0.7, "asked": None},
    "rollback": {"switch_s": 0.03, "build_s": 0.2, "slowest_build_s": 9.9},
    "past": {"entries_apart": 5, "first_answer_s": 0.3, "p50_ms": 4.0, "peer": {"p50_ms": 4.1}, "ratio": 1.02},
    "reread": {"build_s": 2.1, "first_past_answer_s": 0.3},
}


def test_the_table_of_releases_names_every_figure(monkeypatch):
    monkeypatch.setattr(benchmarking_releases, "measure_releases", lambda sizes: FIGURES)
    out = StringIO()
    call_command("benchmark", "--releases", stdout=out)
    named = ("40 entries with 200 phrasings", "live after", "700 bytes", "weekly cut of 5", "rollback", "9.9", "1.02")
    for words in named:
        assert words in out.getvalue()


def test_a_process_that_would_write_to_a_database_in_use_stops(monkeypatch):
    monkeypatch.setattr("sys.argv", ["-c", json.dumps(asdict(TINY)), "/nowhere"])
    with pytest.raises(CannotMeasure, match="in use"):
        benchmarking_releases.inside()


def test_what_the_process_dies_of_is_told(monkeypatch):
    monkeypatch.setattr(benchmarking_releases, "_INSIDE", "raise SystemExit('no room on the disk')")
    with pytest.raises(CommandError, match=r"(?s)could not be measured.*no room on the disk"):
        call_command("benchmark", "--releases", "--quick")
