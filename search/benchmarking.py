"""Measures encoder, retrieval and `/suggest` over HTTP, each beside a peer in the same run.

Rivals take turns (A B A B …), so a noisy machine slows both alike; a ratio is the peer's median over ours. Nothing is
written here, but the server that is asked keeps its query log.
"""

import json
import logging
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext, redirect_stderr, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from io import StringIO
from ipaddress import ip_address
from itertools import cycle, islice, takewhile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np
from django.db import DatabaseError
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cms.models import Shop
from search import encoding
from search.engine.confidence import OPTIONS
from search.engine.e5_export import build_reference
from search.engine.encoder import Encoder
from search.engine.onnx_encoder import OnnxEncoder
from search.engine.retrieval import POOL, Retriever
from search.engine.types import Passage, Vectors
from search.made_up import PHRASINGS, questions, vectors

ROOT = Path(__file__).resolve().parent.parent
GUNICORN = (sys.executable, "-m", "gunicorn", "--config", "kb/gunicorn.py")
CLIENTS, WARM_UP, UPDATES = 4, 10, 5
_RATE = "100000/s"  # a short window: the throttle keeps every moment of it in a list
Watch = Callable[[Sequence[Any], str], Iterable[Any]]
Calls = Mapping[str, Callable[[Any], object]]
Figures = dict[str, Any]


class CannotMeasure(RuntimeError):
    """The message names what is wrong and what to do: do it, and run again."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How often each thing is done; `load_s`: seconds of the load by several clients."""

    encodes: int
    batches: int
    batch: int
    passages: tuple[int, ...]
    searches: int
    requests: int
    load_s: float
    phrasings: int


FULL = Sizes(
    encodes=300,
    batches=5,
    batch=64,
    passages=(1_000, 10_000, 50_000, 200_000),
    searches=200,
    requests=300,
    load_s=5,
    phrasings=50_000,
)
QUICK = Sizes(
    encodes=30, batches=2, batch=16, passages=(1_000, 10_000), searches=30, requests=30, load_s=1, phrasings=5_000
)


def measure(sizes: Sizes, watch: Watch, *, http: bool = True, url: str | None = None) -> Figures:
    """`http` is None where it was left out. Raises CannotMeasure, EncoderUnavailable, BuiltModelError, WeightsError."""
    address = loopback(url) if url else None
    shop = first_shop() if http else ""
    encoder = encoding.encoder()
    report: Figures = {"machine": machine(), "encoder": measure_encoder(encoder, sizes, watch)}
    report["retrieval"] = [measure_retrieval(count, encoder.dimension, sizes, watch) for count in sizes.passages]
    if not http:
        return report | {"http": None}
    with nullcontext(address) if address else server() as found:
        asked = measure_http(found, shop, sizes, watch)
    above = round(asked["new"]["p50_ms"] - report["encoder"]["p50_ms"], 3)
    return report | {"http": asked | {"above_encoder_ms": above}}


def machine() -> Figures:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {"cpu": next(names, platform.machine()), "cores": os.cpu_count()}


def in_turns(calls: Calls, rounds: Iterable[Any], *, warm_up: int = WARM_UP) -> dict[str, list[float]]:
    """The seconds of each call. Every round is given to each of them in turn; the first ones warm up, uncounted."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for given in rounds:
        for name, call in calls.items():
            started = time.perf_counter()
            call(given)
            seconds[name].append(time.perf_counter() - started)
    return {name: taken[warm_up:] for name, taken in seconds.items()}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    middle, late = np.percentile(seconds, [50, 95])
    return {"p50_ms": round(float(middle) * 1000, 3), "p95_ms": round(float(late) * 1000, 3)}


def _beside(ours: Figures, peer: Figures, name: str) -> Figures:
    return ours | {"peer": {"name": name} | peer, "ratio": round(peer["p50_ms"] / ours["p50_ms"], 2)}


def measure_encoder(encoder: Encoder, sizes: Sizes, watch: Watch) -> Figures:
    """One query at a time, then batches; the built encoder against torch on the same weights, one thread each."""
    rivals: dict[str, Callable[[Sequence[str]], Vectors]] = {"ours": encoder.encode}
    if isinstance(encoder, OnnxEncoder):
        rivals = {"ours": OnnxEncoder(encoder.folder, threads=1).encode, "peer": _torch_encode()}
    singles = [[text] for text in questions(WARM_UP + sizes.encodes)]
    batches = [questions(sizes.batch, seed=1)] * (1 + sizes.batches)
    one = in_turns(rivals, watch(singles, "encode one"))
    many = in_turns(rivals, watch(batches, "encode batches"), warm_up=1)
    rates = {name: round(sizes.batch / float(np.median(taken)), 1) for name, taken in many.items()}
    figures = {name: percentiles(one[name]) | {"texts_per_s": rates[name]} for name in rivals}
    found = {"recipe": encoder.recipe, "dimension": encoder.dimension}
    if "peer" not in rivals:
        return found | figures["ours"] | {"peer": None, "note": "no peer: the configured encoder is not the built one"}
    found |= _beside(figures["ours"], figures["peer"], "sentence-transformers, torch fp32, 1 thread")
    return found | {"batch_ratio": round(rates["ours"] / rates["peer"], 2)}


def _torch_encode() -> Callable[[Sequence[str]], Vectors]:
    logging.disable(logging.WARNING)  # transformers reports at length on weights that are as they should be
    try:
        with redirect_stderr(StringIO()):
            model = build_reference(threads=1)
    finally:
        logging.disable(logging.NOTSET)
    return lambda texts: np.asarray(model.encode(list(texts), show_progress_bar=False))


def measure_retrieval(passages: int, dimension: int, sizes: Sizes, watch: Watch) -> Figures:
    """The Retriever with ready vectors against numpy on the same ones, which finds the dense candidates only.

    One thread each: with more, a search waits for a busy core. `recall_at_10`: the share of the exact ten entries that
    is found; `update_ms`: an entry of PHRASINGS phrasings is replaced.
    """
    texts = questions(passages + WARM_UP + sizes.searches)
    matrix, queries = vectors(passages, WARM_UP + sizes.searches, dimension)
    known = [Passage(f"faq:{number // PHRASINGS}", text) for number, text in enumerate(texts[:passages])]
    asked = list(zip(texts[passages:], queries, strict=True))
    pool = min(POOL, passages)
    with threadpool_limits(1):
        started = time.perf_counter()
        retriever = Retriever(known, matrix)
        build_s = round(time.perf_counter() - started, 2)
        calls: Calls = {
            "ours": lambda query: retriever.search(*query, limit=5 + OPTIONS),
            "peer": lambda query: np.argpartition(-(matrix @ query[1]), pool - 1)[:pool],
        }
        taken = in_turns(calls, watch(asked, f"search {passages}"))
        updates = in_turns({"ours": lambda query: _edit(retriever, *query)}, asked[:UPDATES], warm_up=0)
        recall = _recall(retriever, asked)
    about = {"passages": passages, "dimension": dimension, "vectors": "made up", "build_s": build_s}
    about |= {"recall_at_10": recall, "update_ms": percentiles(updates["ours"])["p50_ms"]}
    return about | _beside(percentiles(taken["ours"]), percentiles(taken["peer"]), "numpy brute force, dense only")


def _edit(retriever: Retriever, text: str, vector: NDArray[np.float32]) -> Retriever:
    added = [(Passage("faq:0", f"{text}{number}"), vector) for number in range(PHRASINGS)]
    return retriever.updated(remove={"faq:0"}, add=added)


def _recall(retriever: Retriever, asked: Sequence[tuple[str, NDArray[np.float32]]]) -> float:
    exact = retriever.exact()
    shares = []
    for query in asked:
        best = {hit.entry for hit in exact.search(*query, limit=10)}
        shares.append(len(best & {hit.entry for hit in retriever.search(*query, limit=10)}) / (len(best) or 1))
    return round(float(np.mean(shares)), 4)


def first_shop() -> str:
    """The slug that is asked for. Raises CannotMeasure."""
    try:
        shop = Shop.objects.order_by("pk").first()
    except DatabaseError as exc:
        raise CannotMeasure(f"The database cannot be read ({exc}). Run `manage.py migrate` first.") from exc
    if shop is None:
        raise CannotMeasure("Run `manage.py load_demo` first.")
    return shop.slug


def loopback(url: str) -> str:
    """The address of a server on this machine, without a path. Raises CannotMeasure for any other."""
    with suppress(ValueError):
        parts = urlsplit(url)
        near = parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback
        if near and parts.scheme == "http" and parts.port != 0:
            return f"http://{parts.netloc.rpartition('@')[2]}"
    raise CannotMeasure(f"--url must be a loopback address such as http://127.0.0.1:8000, not {url!r}.")


def connect(url: str) -> closing[HTTPConnection]:
    """A connection that is kept for all requests, and closed at the end of its `with`."""
    return closing(HTTPConnection(urlsplit(url).netloc, timeout=15))


def get(line: HTTPConnection, path: str, **query: str) -> bytes:
    """The body of an answer from the API. Raises CannotMeasure, naming what came instead."""
    url = f"http://{line.host}:{line.port}/api/v1/{path}"
    try:
        line.request("GET", f"/api/v1/{path}?{urlencode(query)}")
        response = line.getresponse()
        body = response.read()
    except (OSError, HTTPException) as exc:
        line.close()
        raise CannotMeasure(f"{url} does not answer: {exc!r}") from exc
    if response.status == 200:
        return body
    hint = f" (start the server with KB_THROTTLE_WIDGET={_RATE})" if response.status == 429 else ""
    said = " ".join(body.decode(errors="replace").split())
    raise CannotMeasure(f"{url} answered {response.status}{hint}: {said[:300]}")


def ask(line: HTTPConnection, shop: str, text: str) -> bytes:
    return get(line, "suggest", shop=shop, q=text)


def measure_http(url: str, shop: str, sizes: Sizes, watch: Watch) -> Figures:
    """New questions, which the server must encode, in turns with known ones; then each by several clients at once."""
    texts = questions(20_000, seed=None)
    known, new = texts[:WARM_UP], iter(texts[WARM_UP:])
    with connect(url) as line:
        for text in known:
            check(ask(line, shop, text))
        pairs = list(zip(islice(new, WARM_UP + sizes.requests), cycle(known), strict=False))
        calls: Calls = {"new": lambda pair: ask(line, shop, pair[0]), "known": lambda pair: ask(line, shop, pair[1])}
        taken = in_turns(calls, watch(pairs, "suggest"))
    many = {"load_new": new, "load_known": cycle(known)}
    found = {"shop": shop, "clients": CLIENTS} | {name: percentiles(seconds) for name, seconds in taken.items()}
    return found | {name: load(url, shop, asked, sizes.load_s) for name, asked in many.items()}


def check(body: bytes) -> None:
    """Raises CannotMeasure where an answer comes from less than the whole service."""
    try:
        degraded, release = (json.loads(body)[name] for name in ("degraded", "release"))
    except (ValueError, KeyError, TypeError) as exc:
        raise CannotMeasure(f"That is no answer of this service: {body[:300]!r}") from exc
    if degraded:
        raise CannotMeasure("The server answers without vectors: run `manage.py prepare_encoder`.")
    if not release:
        raise CannotMeasure("The shop has no release: run `manage.py rebuild_index`.")


def load(url: str, shop: str, texts: Iterator[str], seconds: float) -> dict[str, float]:
    """CLIENTS threads, one connection each, ask as fast as they can for so many seconds."""
    deadline = time.perf_counter() + seconds

    def one_client(_number: int) -> list[float]:
        until = takewhile(lambda _text: time.perf_counter() < deadline, texts)
        with connect(url) as line:
            return in_turns({"": lambda text: ask(line, shop, text)}, until, warm_up=0)[""]

    with ThreadPoolExecutor(CLIENTS) as pool:
        taken = [second for part in pool.map(one_client, range(CLIENTS)) for second in part]
    return {"requests_per_s": round(len(taken) / seconds, 1)} | percentiles(taken)


@contextmanager
def server(command: Sequence[str] = GUNICORN, *, patience_s: float = 90) -> Iterator[str]:
    """The address of the real server, with one worker, on the current database. Raises CannotMeasure."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    direct = {"KB_WORKERS": "1", "KB_ALLOWED_HOSTS": "127.0.0.1", "KB_HTTPS": "0", "KB_THROTTLE_WIDGET": _RATE}
    started = [*command, "--bind", address, "kb.wsgi"]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(started, cwd=ROOT, env=os.environ | direct, stdout=output, stderr=output)  # noqa: S603
        try:
            _wait_until_ready(process, f"http://{address}", time.monotonic() + patience_s)
            yield f"http://{address}"
        except CannotMeasure as exc:
            output.seek(0)
            said = output.read().decode(errors="replace").strip().splitlines()
            raise CannotMeasure("\n".join([str(exc), "The server's last words:", *said[-5:]])) from exc
        finally:
            process.terminate()  # gunicorn itself ends a worker that lingers
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, deadline: float) -> None:
    with connect(url) as line:
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(CannotMeasure):
                get(line, "health")
                return
            time.sleep(0.2)
    raise CannotMeasure(f"The server {'was not ready in time' if process.poll() is None else 'ended at its start'}.")
