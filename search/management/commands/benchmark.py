"""How fast encoder, retrieval, API and releases are on this machine."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from search import benchmarking, benchmarking_releases
from search.benchmarking_completion import measure_completion
from search.engine.e5_weights import WeightsError
from search.engine.encoder import EncoderUnavailable
from search.engine.onnx_encoder import BuiltModelError


class Command(BaseCommand):
    help = (
        "Measures encoder, retrieval and /suggest over HTTP, each beside a peer in the same run. Starts a server of "
        "its own on a loopback port. Writes nothing to the database but the query log that the asked server keeps. "
        "With --releases: a patch, a weekly cut and its gate, a rollback and answers from the past."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="the figures as JSON, without a progress bar")
        parser.add_argument("--quick", action="store_true", help="smaller counts, half a minute: rough figures")
        parser.add_argument("--skip-http", action="store_true", help="without the server")
        parser.add_argument("--url", help="ask this running server on a loopback address, and start none")
        parser.add_argument(
            "--releases", action="store_true", help="only releases, of a made-up library in a database of its own"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = _releases_only(options) if options["releases"] else _all_else(options)
        except (benchmarking.CannotMeasure, EncoderUnavailable, BuiltModelError, WeightsError) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(json.dumps(report, ensure_ascii=False) if options["json"] else _table(report))


def _releases_only(options: dict[str, Any]) -> dict[str, Any]:
    sizes = benchmarking_releases.QUICK if options["quick"] else benchmarking_releases.FULL
    return {"machine": benchmarking.machine(), "releases": benchmarking_releases.measure_releases(sizes)}


def _all_else(options: dict[str, Any]) -> dict[str, Any]:
    sizes = benchmarking.QUICK if options["quick"] else benchmarking.FULL

    def watch(rounds: Sequence[Any], label: str) -> Iterable[Any]:
        return tqdm(rounds, desc=label, disable=options["json"], leave=False)

    report = benchmarking.measure(sizes, watch, http=not options["skip_http"], url=options["url"])
    return report | {"completion": measure_completion(sizes.phrasings, sizes.searches, watch)}


def _table(report: dict[str, Any]) -> str:
    machine = report["machine"]
    parts = _releases(report["releases"]) if "releases" in report else _answering(report)
    return "\n".join([f"{machine['cpu']}, {machine['cores']} cores", "", *parts])


def _answering(report: dict[str, Any]) -> list[str]:
    encoder = report["encoder"]
    lines = [f"encoder {encoder['recipe']}, a short question", *_encoder(encoder)]
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
    return lines


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


def _releases(row: dict[str, Any]) -> list[str]:
    patch, cut, back, past, reread = (row[name] for name in ("patch", "cut", "rollback", "past", "reread"))
    asked = cut["asked"]["held_out"] if cut["asked"] else 0
    size = f"{row['entries']} entries with {row['phrasings']} phrasings"
    return [
        f"releases of {size}, {row['vectors']} vectors, {row['database']}",
        f"  {row['processor_s']} s of a core in {row['wall_s']} s: where the two differ much, the machine was busy",
        _row("one entry published: live after", f"{patch['live_s']} s"),
        _row("  in the CMS", f"{patch['publish_s']} s"),
        _row("  the release", f"{patch['release_s']} s"),
        _row("  the snapshot", f"{patch['build_s']} s"),
        _row("  the first answer", f"{patch['first_answer_s']} s"),
        _row("  the first key stroke after it", f"{patch['first_key_stroke_s']} s"),
        _row("the snapshot built from nothing", f"{row['cold_build_s']} s"),
        _row("  times as long as after a patch", patch["ratio"]),
        _row("a patch on disk beyond its text", f"{row['growth']['bytes_beyond_text']} bytes"),
        _row(f"weekly cut of {cut['changes']} changes", f"{cut['seconds']} s"),
        _row(f"  its gate, {asked} questions", f"{cut['gate_s']} s"),
        _row("  then the snapshot of a server", f"{cut['build_s']} s"),
        _row("rollback, the switch itself", f"{back['switch_s']} s"),
        _row("  then the snapshot; the slowest", f"{back['build_s']} s", f"{back['slowest_build_s']} s"),
        _row(f"first answer from {past['entries_apart']} changes ago", f"{past['first_answer_s']} s"),
        _row("  then, p50 ms beside the live release", past["p50_ms"], past["peer"]["p50_ms"], past["ratio"]),
        _row("read anew by a lesson: the snapshot", f"{reread['build_s']} s"),
        _row("  first answer from before it", f"{reread['first_past_answer_s']} s"),
    ]


def _figures(row: dict[str, float]) -> tuple[float, float]:
    return row["p50_ms"], row["p95_ms"]


def _row(name: object, *cells: object) -> str:
    return f"  {name!s:43}" + "".join(f"{cell!s:>11}" for cell in cells)
