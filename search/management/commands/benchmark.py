"""How fast encoder, retrieval and API are on this machine."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from search import benchmarking
from search.benchmarking_completion import measure_completion
from search.engine.e5_weights import WeightsError
from search.engine.encoder import EncoderUnavailable
from search.engine.onnx_encoder import BuiltModelError


class Command(BaseCommand):
    help = (
        "Measures encoder, retrieval and /suggest over HTTP, each beside a peer in the same run. Starts a server of "
        "its own on a loopback port. Writes nothing to the database but the query log that the asked server keeps."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="the figures as JSON, without a progress bar")
        parser.add_argument("--quick", action="store_true", help="smaller counts, half a minute: rough figures")
        parser.add_argument("--skip-http", action="store_true", help="without the server")
        parser.add_argument("--url", help="ask this running server on a loopback address, and start none")

    def handle(self, *args: Any, **options: Any) -> None:
        sizes = benchmarking.QUICK if options["quick"] else benchmarking.FULL
        quiet = options["json"]

        def watch(rounds: Sequence[Any], label: str) -> Iterable[Any]:
            return tqdm(rounds, desc=label, disable=quiet, leave=False)

        try:
            report = benchmarking.measure(sizes, watch, http=not options["skip_http"], url=options["url"])
            report["completion"] = measure_completion(sizes.phrasings, sizes.searches, watch)
        except (benchmarking.CannotMeasure, EncoderUnavailable, BuiltModelError, WeightsError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(json.dumps(report, ensure_ascii=False) if quiet else _table(report))


def _table(report: dict[str, Any]) -> str:
    machine, encoder = report["machine"], report["encoder"]
    lines = [f"{machine['cpu']}, {machine['cores']} cores", "", f"encoder {encoder['recipe']}, a short question"]
    lines += _encoder(encoder)
    lines += [
        "",
        f"retrieval without the encoder, made-up vectors of {encoder['dimension']}, beside numpy (dense only)",
    ]
    lines += _retrieval(report["retrieval"])
    lines += ["", "type-ahead, a key stroke, beside a scan for the characters"]
    lines += _completion(report["completion"])
    if report["http"]:
        lines += ["", f"/suggest over HTTP, shop {report['http']['shop']}"]
        lines += _http(report["http"])
    return "\n".join(lines)


def _encoder(row: dict[str, Any]) -> list[str]:
    lines = [_row("", "p50 ms", "p95 ms", "texts/s"), _row("this encoder", *_figures(row), row["texts_per_s"])]
    if not row["peer"]:
        return [*lines, f"  {row['note']}"]
    peer = row["peer"]
    lines.append(_row(peer["name"], *_figures(peer), peer["texts_per_s"]))
    return [*lines, _row("times as fast", row["ratio"], "", row["batch_ratio"])]


def _retrieval(rows: list[dict[str, Any]]) -> list[str]:
    ours = ("recall_at_10", "update_ms", "build_s")
    cells = (
        [row["passages"], *_figures(row), *(row[name] for name in ours), row["peer"]["p50_ms"], row["ratio"]]
        for row in rows
    )
    head = _row("passages", "p50 ms", "p95 ms", "recall@10", "update ms", "build s", "numpy p50", "ratio")
    return [head, *(_row(*line) for line in cells)]


def _completion(row: dict[str, Any]) -> list[str]:
    head = _row("phrasings", "p50 ms", "p95 ms", "build s", "scan p50", "ratio")
    return [head, _row(row["phrasings"], *_figures(row), row["build_s"], row["peer"]["p50_ms"], row["ratio"])]


def _http(row: dict[str, Any]) -> list[str]:
    many = f"{row['clients']} clients at once"
    return [
        _row("", "p50 ms", "p95 ms", "requests/s"),
        _row("new questions, one client", *_figures(row["new"])),
        _row("known questions, one client", *_figures(row["known"])),
        _row("new above the encoder", row["above_encoder_ms"]),
        _row(f"new questions, {many}", *_figures(row["load_new"]), row["load_new"]["requests_per_s"]),
        _row(f"known questions, {many}", *_figures(row["load_known"]), row["load_known"]["requests_per_s"]),
    ]


def _figures(row: dict[str, float]) -> tuple[float, float]:
    return row["p50_ms"], row["p95_ms"]


def _row(name: object, *cells: object) -> str:
    return f"  {name!s:43}" + "".join(f"{cell!s:>11}" for cell in cells)
