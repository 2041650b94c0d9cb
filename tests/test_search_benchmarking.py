import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import CommandError, call_command

from search import benchmarking
from search.benchmarking import CannotMeasure, Sizes
from search.engine.encoder import HashEncoder

TINY = Sizes(encodes=3, batches=1, batch=4, passages=(20, 200), searches=3, requests=3, load_s=0.1, phrasings=50)
ANSWER = {"degraded": False, "release": "1"}


def unwatched(rounds, label):
    return rounds


@contextmanager
def stub(body: object = ANSWER, status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A server on this machine that gives one answer to everything, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            asked.append(parse_qs(urlsplit(self.path).query)["q"][0])
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_percentiles_of_known_samples_are_right_and_in_milliseconds():
    assert benchmarking.percentiles([second / 1000 for second in range(101)]) == {"p50_ms": 50.0, "p95_ms": 95.0}
    assert benchmarking.percentiles([0.002]) == {"p50_ms": 2.0, "p95_ms": 2.0}


def test_rivals_take_turns_and_the_warm_up_is_not_counted():
    calls: list[tuple[str, int]] = []
    rivals = {name: lambda given, name=name: calls.append((name, given)) for name in "ab"}
    taken = benchmarking.in_turns(rivals, range(5), warm_up=2)
    assert calls[:4] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert {name: len(seconds) for name, seconds in taken.items()} == {"a": 3, "b": 3}


def test_questions_are_all_different_the_same_for_a_seed_and_others_without():
    found = benchmarking.questions(50_300)
    assert len(set(found)) == 50_300
    assert benchmarking.questions(20) == found[:20]
    assert benchmarking.questions(20, seed=None) != benchmarking.questions(20, seed=None)


def test_an_encoder_that_was_not_built_here_is_measured_without_a_peer_and_the_report_says_so():
    found = benchmarking.measure_encoder(HashEncoder(), TINY, unwatched)
    assert set(found) == {"recipe", "dimension", "p50_ms", "p95_ms", "texts_per_s", "peer", "note"}
    assert found["peer"] is None
    assert "not the built one" in found["note"]


def test_retrieval_is_measured_beside_its_peer():
    found = benchmarking.measure_retrieval(20, 16, TINY, unwatched)
    assert (found["passages"], found["dimension"], found["vectors"]) == (20, 16, "made up")
    assert {"build_s", "update_ms", "p50_ms", "p95_ms", "ratio"} < set(found)
    assert found["recall_at_10"] == 1
    assert set(found["peer"]) == {"name", "p50_ms", "p95_ms"}


def test_new_questions_are_asked_once_and_known_ones_again():
    with stub() as (url, asked):
        found = benchmarking.measure_http(url, "demo", TINY, unwatched)
    assert {"new", "known", "load_new", "load_known"} < set(found)
    rounds = asked[benchmarking.WARM_UP :][: 2 * (benchmarking.WARM_UP + TINY.requests)]
    known = set(asked[: benchmarking.WARM_UP])
    assert set(rounds[1::2]) == known
    assert len(set(rounds[::2]) - known) == benchmarking.WARM_UP + TINY.requests


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({"error": {"message": "no such shop"}}, 404, "answered 404: .*no such shop"),
        ({}, 429, "KB_THROTTLE_WIDGET"),
        (ANSWER | {"degraded": True}, 200, "prepare_encoder"),
        (ANSWER | {"release": ""}, 200, "rebuild_index"),
        (["hello"], 200, "no answer of this service: .*hello"),
    ],
)
def test_a_wrong_answer_is_an_error_that_names_what_is_wrong(body, status, named):
    with stub(body, status) as (url, _asked), pytest.raises(CannotMeasure, match=named):
        benchmarking.measure_http(url, "demo", TINY, unwatched)


def test_a_server_that_does_not_listen_is_named():
    with stub() as (url, _asked):
        pass
    with pytest.raises(CannotMeasure, match=f"{url}.* does not answer"):
        benchmarking.measure_http(url, "demo", TINY, unwatched)


def test_a_server_that_ends_at_its_start_is_quoted():
    ended = benchmarking.server([sys.executable, "-c", "import sys; sys.exit('no room for the encoder')"])
    with pytest.raises(CannotMeasure, match=r"(?s)ended at its start.*no room for the encoder"), ended:
        pass


def test_a_server_that_never_becomes_ready_is_ended(monkeypatch):
    started: list[subprocess.Popen] = []

    class Kept(subprocess.Popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Kept)
    asleep = benchmarking.server([sys.executable, "-c", "import time; time.sleep(60)"], patience_s=0)
    with pytest.raises(CannotMeasure, match="not ready in time"), asleep:
        pass
    assert started[0].returncode is not None


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/x", "http://localhost:8000", "http://[::1]:8000/"])
def test_a_loopback_address_is_taken_without_its_path(url):
    assert benchmarking.loopback(url) == url.rpartition(":8000")[0] + ":8000"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8000",
        "https://127.0.0.1",
        "http://127.0.0.1:99999",
        "http://0.0.0.0:8000",
        "http://10.0.0.5:8000",
        "http://shop.example.com",
        "http://localhost@shop.example.com",
        "http://[::1",
    ],
)
def test_an_address_elsewhere_is_refused(url):
    with pytest.raises(CannotMeasure, match="must be a loopback address"):
        benchmarking.loopback(url)


def test_without_a_shop_the_command_says_what_to_do(db):
    with pytest.raises(CommandError, match=r"Run `manage\.py load_demo` first\."):
        call_command("benchmark")


def test_the_report_is_json_of_the_agreed_shape_and_a_table(shop, monkeypatch):
    monkeypatch.setattr(benchmarking, "QUICK", TINY)
    with stub() as (url, _asked):
        out = StringIO()
        call_command("benchmark", "--quick", "--json", "--url", url, stdout=out)
        report = json.loads(out.getvalue())
        table = StringIO()
        call_command("benchmark", "--quick", "--url", url, stdout=table)
    assert list(report) == ["machine", "encoder", "retrieval", "http", "completion"]
    assert set(report["machine"]) == {"cpu", "cores"}
    assert [row["passages"] for row in report["retrieval"]] == [20, 200]
    assert {"new", "known", "above_encoder_ms"} < set(report["http"])
    assert "new questions, one client" in table.getvalue()


def test_without_http_no_shop_is_needed_and_none_is_reported(monkeypatch):
    monkeypatch.setattr(benchmarking, "QUICK", TINY)
    out = StringIO()
    call_command("benchmark", "--quick", "--skip-http", "--json", stdout=out)
    assert json.loads(out.getvalue())["http"] is None
