"""Measures encoder, retrieval and `/suggest` over HTTP, each beside a peer or its own best case in the same run.

Rivals take turns (A B A B …), so a noisy machine slows both alike; a ratio is peer's median over ours: above 1, ours is
the faster. Nothing is written here, but the server that is asked keeps its query log.
"""

import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from itertools import cycle
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

import numpy as np
from django.db import DatabaseError
from numpy.typing import NDArray

from cms.models import Shop
from search import encoding
from search.engine.e5_export import build_reference
from search.engine.encoder import Encoder
from search.engine.onnx_encoder import OnnxEncoder
from search.engine.retrieval import POOL, Retriever
from search.engine.types import Passage, Vectors

ROOT = Path(__file__).resolve().parent.parent
GUNICORN = (sys.executable, "-m", "gunicorn", "--config", "kb/gunicorn.py")
WARM_UP = 10
CLIENTS = 4
_LIMIT = 9  # what `suggest` asks of the retriever by default
_PHRASINGS = 3  # an entry
_RATE = "100000/s"  # a short window: the throttle keeps every moment of it in a list
Watch = Callable[[Iterable[int], str], Iterable[int]]
Figures = dict[str, Any]

OPENERS = (
    "|请问|亲，|你好，|想问一下|老板，|在吗，|麻烦问下|急！|我想知道|客服你好，|打扰一下，|咨询一下，|问一句，|您好请问|那个"
).split("|")
PRODUCTS = (
    "保温杯 蓝牙耳机 电饭煲 羊毛衫 跑鞋 面霜 洗面奶 防晒霜 口红 四件套 羽绒被 记忆枕 茶叶 坚果礼盒 牛肉干 蜂蜜 咖啡豆 猫粮 狗粮 婴儿车 "
    "纸尿裤 奶瓶 行李箱 双肩包 雨伞 台灯 电动牙刷 吹风机 扫地机器人 空气炸锅 充电宝 USB-C数据线 iPhone手机壳 机械键盘 显示器 投影仪 瑜伽垫 "
    "哑铃 帐篷 自行车头盔"
).split()
TOPICS = (
    "多久发货 什么时候能到 怎么退货 怎么换货 退款多久到账 可以开发票吗 发票怎么开公司抬头 能改收货地址吗 发什么快递 运费谁出 包邮吗 质保几年 "
    "坏了怎么修 少发了一件 发错颜色了 收到是破的 有色差 尺码偏小怎么办 怎么选尺码 能便宜点吗 有优惠券吗 降价了能补差价吗 满减怎么算 "
    "会员有折扣吗 积分怎么用 支持货到付款吗 可以分期吗 付款失败了 怎么取消订单 能合并订单吗 还有货吗 什么时候补货 预售几号发 是正品吗 "
    "在哪里生产的 保质期多长 怎么保存 孕妇能用吗 敏感肌可以用吗 怎么清洗 怎么安装 说明书在哪里 用了没效果 充不进电 有异味 能送礼盒包装吗 "
    "快递一直不更新 显示签收但没收到 想投诉 怎么联系人工客服"
).split()
ENDINGS = ("", "？", "呢", "啊", "，谢谢")


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


FULL = Sizes(encodes=300, batches=5, batch=64, passages=(1_000, 10_000, 50_000), searches=200, requests=300, load_s=5)
QUICK = Sizes(encodes=30, batches=2, batch=16, passages=(1_000, 10_000), searches=30, requests=30, load_s=1)


def _unwatched(rounds: Iterable[int], label: str) -> Iterable[int]:
    return rounds


def measure(sizes: Sizes, *, http: bool = True, url: str | None = None, watch: Watch = _unwatched) -> Figures:
    """`{"machine", "encoder", "retrieval", "http"}`; `http` is None where it was left out.

    Raises CannotMeasure, EncoderUnavailable, BuiltModelError, WeightsError.
    """
    address = loopback(url) if url else None
    shop = first_shop() if http else ""
    encoder = encoding.encoder()
    ours = measure_encoder(encoder, sizes, watch)
    retrieval = [measure_retrieval(count, encoder.dimension, sizes.searches, watch) for count in sizes.passages]
    report = {"machine": machine(), "encoder": ours, "retrieval": retrieval, "http": None}
    if http:
        with nullcontext(address) if address else server() as asked:
            report["http"] = measure_http(asked, shop, sizes, ours["p50_ms"], watch)
    return report


def machine() -> Figures:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {"cpu": next(names, platform.processor() or platform.machine()), "cores": os.cpu_count()}


def questions(count: int, *, seed: int | None = 0) -> list[str]:
    """So many different questions of shoppers; the same for the same seed, others at every call for None."""
    parts = (OPENERS, PRODUCTS, TOPICS, ENDINGS)
    shape = tuple(len(words) for words in parts)
    numbers = np.random.default_rng(seed).permutation(int(np.prod(shape)))[:count]
    chosen = zip(*np.unravel_index(numbers, shape), strict=True)
    return ["".join(words[place] for words, place in zip(parts, places, strict=True)) for places in chosen]


def in_turns(calls: Mapping[str, Callable[[int], object]], rounds: Iterable[int]) -> dict[str, list[float]]:
    """The seconds that each call took; every round makes each call once, with the round's number."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for number in rounds:
        for name, call in calls.items():
            started = time.perf_counter()
            call(number)
            seconds[name].append(time.perf_counter() - started)
    return seconds


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    middle, late = np.percentile(seconds, [50, 95])
    return {"p50_ms": round(float(middle) * 1000, 3), "p95_ms": round(float(late) * 1000, 3)}


def _ratio(peer: Mapping[str, float], ours: Mapping[str, float]) -> float:
    return round(peer["p50_ms"] / ours["p50_ms"], 2)


def measure_encoder(encoder: Encoder, sizes: Sizes, watch: Watch = _unwatched) -> Figures:
    """One query at a time, then batches; the built encoder against torch on the same weights, one thread each."""
    rivals: dict[str, Callable[[list[str]], Vectors]] = {}
    if isinstance(encoder, OnnxEncoder):
        reference = build_reference(threads=1)
        rivals["ours"] = OnnxEncoder(encoder.folder, threads=1).encode
        rivals["peer"] = lambda texts: np.asarray(reference.encode(texts, show_progress_bar=False))
    else:
        rivals["ours"] = encoder.encode
    found = {"recipe": encoder.recipe, "dimension": encoder.dimension}
    timed = _encoder_figures(rivals, sizes, watch)
    if "peer" not in timed:
        return found | timed["ours"] | {"peer": None, "note": "no peer: the configured encoder is not the built one"}
    ours, peer = timed["ours"], timed["peer"]
    return (
        found
        | ours
        | {
            "peer": {"name": "sentence-transformers, torch fp32, 1 thread"} | peer,
            "ratio": _ratio(peer, ours),
            "batch_ratio": round(ours["texts_per_s"] / peer["texts_per_s"], 2),
        }
    )


def _encoder_figures(
    rivals: Mapping[str, Callable[[list[str]], Vectors]], sizes: Sizes, watch: Watch
) -> dict[str, dict[str, float]]:
    texts = questions(WARM_UP + sizes.encodes)
    batch = questions(sizes.batch, seed=1)
    single = {name: lambda number, encode=encode: encode([texts[number]]) for name, encode in rivals.items()}
    whole = {name: lambda number, encode=encode: encode(batch) for name, encode in rivals.items()}
    in_turns(single, range(sizes.encodes, sizes.encodes + WARM_UP))
    one = in_turns(single, watch(range(sizes.encodes), "encode one"))
    many = in_turns(whole, watch(range(sizes.batches), "encode batches"))
    return {
        name: percentiles(one[name]) | {"texts_per_s": round(sizes.batch / float(np.median(many[name])), 1)}
        for name in rivals
    }


def measure_retrieval(count: int, dimension: int, searches: int, watch: Watch = _unwatched) -> Figures:
    """The Retriever with ready vectors against numpy on the same ones, which finds the dense candidates only.

    The vectors are random: a flat index takes as long for any values.
    """
    texts = questions(count + WARM_UP + searches)
    vectors = _random_units(count + WARM_UP + searches, dimension)
    matrix = vectors[:count]
    passages = [Passage(f"faq:{number // _PHRASINGS}", text) for number, text in enumerate(texts[:count])]
    started = time.perf_counter()
    retriever = Retriever(passages, matrix)
    build_s = time.perf_counter() - started
    calls: dict[str, Callable[[int], object]] = {
        "ours": lambda number: retriever.search(texts[number], vectors[number], limit=_LIMIT),
        "peer": lambda number: brute_force(matrix, vectors[number], POOL),
    }
    in_turns(calls, range(count, count + WARM_UP))
    taken = in_turns(calls, watch(range(count + WARM_UP, count + WARM_UP + searches), f"search {count}"))
    ours, peer = percentiles(taken["ours"]), percentiles(taken["peer"])
    return {
        "passages": count,
        "dimension": dimension,
        "vectors": "random",
        "build_s": round(build_s, 2),
        **ours,
        "peer": {"name": "numpy brute force, dense only"} | peer,
        "ratio": _ratio(peer, ours),
    }


def _random_units(count: int, dimension: int) -> Vectors:
    vectors = np.random.default_rng(0).standard_normal((count, dimension), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def brute_force(matrix: Vectors, vector: NDArray[np.float32], limit: int) -> NDArray[np.intp]:
    """Rows of `matrix` with the highest cosine to `vector`, best first."""
    scores = matrix @ vector
    limit = min(limit, len(scores))
    top = np.argpartition(-scores, limit - 1)[:limit]
    return top[np.argsort(-scores[top])]


def first_shop() -> str:
    """The slug that is asked for. Raises CannotMeasure."""
    try:
        slug = Shop.objects.order_by("pk").values_list("slug", flat=True).first()
    except DatabaseError as exc:
        raise CannotMeasure(f"The database cannot be read ({exc}). Run `manage.py migrate` first.") from exc
    if slug is None:
        raise CannotMeasure("Run `manage.py load_demo` first.")
    return slug


def loopback(url: str) -> str:
    """scheme://host:port of a server on this machine. Raises CannotMeasure for any other."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        near = host == "localhost" or ip_address(host).is_loopback
        port = parts.port or 80
    except ValueError:
        near, host, port = False, "", 0
    if not near or parts.scheme != "http":
        raise CannotMeasure(f"--url must be a loopback address such as http://127.0.0.1:8000, not {url!r}.")
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Client:
    """One keep-alive connection to a server's API, for one shop."""

    def __init__(self, url: str, shop: str = "") -> None:
        self._url, self._shop = url, shop
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=15)

    def get(self, path: str, **query: str) -> bytes:
        """Raises CannotMeasure, naming what came instead of an answer."""
        try:
            self._connection.request("GET", f"/api/v1/{path}?{urlencode(query)}")
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException) as exc:
            raise CannotMeasure(f"{self._url} does not answer: {exc!r}") from exc
        if response.status != 200:
            raise CannotMeasure(f"{self._url}/api/v1/{path} answered {response.status}: {_message(body)}")
        return body

    def suggest(self, query: str) -> bytes:
        return self.get("suggest", q=query, shop=self._shop)

    def close(self) -> None:
        self._connection.close()


def _message(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace")


def measure_http(url: str, shop: str, sizes: Sizes, encoder_p50_ms: float, watch: Watch = _unwatched) -> Figures:
    """New questions, which the server must encode, in turns with known ones; then both by several clients at once."""
    texts = iter(questions(WARM_UP + sizes.requests + 20_000, seed=None))
    known = [next(texts) for _ in range(WARM_UP)]
    with closing(Client(url, shop)) as client:
        check(client, known)
        calls: dict[str, Callable[[int], object]] = {
            "new": lambda number: client.suggest(next(texts)),
            "known": lambda number: client.suggest(known[number % WARM_UP]),
        }
        taken = in_turns(calls, watch(range(sizes.requests), "suggest"))
    new, repeated = percentiles(taken["new"]), percentiles(taken["known"])
    return {
        "shop": shop,
        "new": new,
        "known": repeated,
        "above_encoder_ms": round(new["p50_ms"] - encoder_p50_ms, 3),
        "clients": CLIENTS,
        "load_new": load(url, shop, texts, sizes.load_s),
        "load_known": load(url, shop, cycle(known), sizes.load_s),
    }


def check(client: Client, texts: Iterable[str]) -> None:
    """Asks each once. Raises CannotMeasure where the answers come from less than the whole service."""
    for text in texts:
        answer = json.loads(client.suggest(text))
        if answer["degraded"]:
            raise CannotMeasure("The server answers without vectors: run `manage.py prepare_encoder`.")
        if answer["release"] == "0":
            raise CannotMeasure("The shop has no index: run `manage.py rebuild_index`.")


def load(url: str, shop: str, texts: Iterator[str], seconds: float) -> dict[str, float]:
    """CLIENTS threads, one connection each, ask as fast as they can for so many seconds."""
    deadline = time.perf_counter() + seconds
    with ThreadPoolExecutor(CLIENTS) as pool:
        parts = list(pool.map(lambda _client: _ask_until(deadline, url, shop, texts), range(CLIENTS)))
    taken = [second for part in parts for second in part]
    return {"requests_per_s": round(len(taken) / seconds, 1)} | percentiles(taken)


def _ask_until(deadline: float, url: str, shop: str, texts: Iterator[str]) -> list[float]:
    with closing(Client(url, shop)) as client:
        taken = []
        for text in texts:
            taken += in_turns({"": lambda _number, text=text: client.suggest(text)}, [0])[""]
            if time.perf_counter() >= deadline:
                break
        return taken


@contextmanager
def server(command: Sequence[str] = GUNICORN, *, patience_s: float = 90) -> Iterator[str]:
    """The address of the real server, one worker, on the current database. Raises CannotMeasure if it does not start."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    direct = {"KB_WORKERS": "1", "KB_ALLOWED_HOSTS": "127.0.0.1", "KB_HTTPS": "0", "KB_THROTTLE_WIDGET": _RATE}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 our own server, without a shell
            [*command, "--bind", address, "kb.wsgi"], cwd=ROOT, env=os.environ | direct, stdout=output, stderr=output
        )
        try:
            _wait_until_ready(process, f"http://{address}", output, time.monotonic() + patience_s)
            yield f"http://{address}"
        finally:
            _stop(process)


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, output: IO[bytes], deadline: float) -> None:
    while True:
        with closing(Client(url)) as client:
            try:
                client.get("health")
                return
            except CannotMeasure as exc:
                fault = exc
        if process.poll() is not None:
            output.seek(0)
            said = output.read().decode(errors="replace").strip().splitlines()
            raise CannotMeasure("The server ended at its start: " + " ".join(said[-3:]))
        if time.monotonic() >= deadline:
            raise CannotMeasure(f"The server did not become ready: {fault}")
        time.sleep(0.2)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
