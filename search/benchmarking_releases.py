"""Measures releases on a made-up library: a patch, a weekly cut and its gate, a rollback, answers from the past.

All of it happens in a process of its own with a folder and a SQLite file of its own, which are gone afterwards: the
shops' database is never opened. Vectors are made up, so nothing is encoded but what one editor writes in a patch.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from wagtail.models import Locale

from cms.content import READING, entry_content, live_contents
from cms.models import FAQ, Category, Channel, CutState, FAQAnswer, Policy, Release, Shop
from cms.releases import ledger
from cms.releases.rollback import roll_back
from search import browsing, encoding, snapshots
from search.answering import Question, Suggestions, suggest
from search.benchmarking import ROOT, CannotMeasure, Figures, in_turns, percentiles
from search.engine.onnx_encoder import OnnxEncoder
from search.engine.text import text_hash
from search.made_up import PHRASINGS, questions, vectors
from search.models import StoredVector
from search.readings import needs_codebook, reading_content, with_codebook
from search.releases import cutting
from search.releases.replaying import replay
from search.sync import propose, sync
from search.tasks import one_release

_INSIDE = "import django; django.setup(); from search.benchmarking_releases import inside; inside()"
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class ReleaseSizes:
    """`patches`: entries published one by one; `pending`: changes of the weekly cut; `switches`: rollbacks."""

    entries: int
    patches: int
    pending: int
    switches: int
    searches: int


FULL = ReleaseSizes(entries=10_000, patches=5, pending=200, switches=6, searches=100)
QUICK = ReleaseSizes(entries=1_000, patches=3, pending=50, switches=4, searches=30)


def measure_releases(sizes: ReleaseSizes) -> Figures:
    """Raises CannotMeasure, EncoderUnavailable."""
    encoder = encoding.encoder()
    with tempfile.TemporaryDirectory(prefix="zhida-benchmark-") as folder:
        if isinstance(encoder, OnnxEncoder):
            (Path(folder) / "models").symlink_to(Path(encoder.folder).resolve().parent)
        outside = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "KB_CACHE_URL")}
        environment = outside | {"KB_VAR_DIR": folder, "KB_ENCODER": encoding.default_encoder()}
        command = [sys.executable, "-c", _INSIDE, json.dumps(asdict(sizes)), folder]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise CannotMeasure("\n".join(["The releases could not be measured:", *said[-5:]]))
    return dict(json.loads(done.stdout.splitlines()[-1]))


def inside() -> None:
    """What the process of its own does: the sizes and its folder are its arguments, the figures its last line."""
    sizes, folder = ReleaseSizes(**json.loads(sys.argv[1])), Path(sys.argv[2])
    if Path(connection.settings_dict["NAME"]).parent != folder:
        raise CannotMeasure("This would have written to a database that is in use.")
    call_command("migrate", verbosity=0, interactive=False)
    print(json.dumps(_Measuring(sizes).all()))  # noqa: T201


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return round(time.perf_counter() - started, 3)


class _Measuring:
    """One shop, from its first release on; each step goes on where the one before has ended."""

    def __init__(self, sizes: ReleaseSizes) -> None:
        self.began = time.perf_counter()
        self.sizes = sizes
        self.spare = sizes.patches + sizes.pending
        self.texts = questions(PHRASINGS * sizes.entries + self.spare)
        self.fresh = iter(self.texts[-self.spare :])
        self.shop = Shop.objects.create(slug="benchmark", name="benchmark")

    def all(self) -> Figures:
        library = self.texts[: -self.spare]
        write_library(self.shop, library)
        store_vectors([*library, *self.texts[len(library) + self.sizes.patches :]])  # what a patch says is encoded
        sizes, recipe = self.sizes, encoding.encoder().recipe
        found: Figures = {"entries": sizes.entries, "phrasings": PHRASINGS * sizes.entries, "recipe": recipe}
        found |= {"database": "a temporary SQLite file", "vectors": "made up"}
        found["first_release_s"] = _seconds(lambda: self._first_release(library))
        cold_build_s = found["cold_build_s"] = self._cold_build()
        found["patch"] = self._patches(cold_build_s)
        found["growth"] = self._growth()
        found["cut"] = self._cut()
        found["rollback"] = self._rollbacks()
        found["past"] = self._past()
        found["reread"] = self._reread()
        found["processor_s"] = round(time.process_time(), 1)
        found["wall_s"] = round(time.perf_counter() - self.began, 1)
        return found

    def _first_release(self, library: Sequence[str]) -> None:
        """Read as a large shop's first cut leaves it: its vectors are compressed."""
        reading = reading_content(encoding.default_encoder())
        vectors = encoding.stored_vectors(library)
        if vectors is not None and needs_codebook(reading, len(library)):
            reading = with_codebook(reading, vectors)
        propose(self.shop, {READING: reading, **dict(live_contents(self.shop))})

    def _cold_build(self) -> float:
        snapshots.forget_snapshots()
        return _seconds(lambda: snapshots.current(self.shop))

    def _live(self) -> Release:
        live = ledger.live_release(self.shop)
        if live is None:
            raise CannotMeasure("The made-up shop has no release.")
        return live

    def _ask(self, query: str) -> Suggestions:
        return suggest(self.shop, Question(query, str(Channel.WIDGET)))

    def _patches(self, cold_build_s: float) -> Figures:
        """From the editor's click to the first answer in another process, and what each part of it takes."""
        rows = [self._patch(entry) for entry in FAQ.objects.order_by("pk")[: self.sizes.patches]]
        middle = {name: round(float(np.median([row[name] for row in rows])), 3) for name in rows[0]}
        peer = {"name": "the snapshot built from nothing", "build_s": cold_build_s}
        return middle | {"peer": peer, "ratio": round(cold_build_s / middle["build_s"], 1)}

    def _patch(self, entry: FAQ) -> dict[str, float]:
        title = next(self.fresh)
        started = time.perf_counter()
        with one_release():
            entry.title = title
            entry.save_revision().publish()
            published = time.perf_counter()
        released = time.perf_counter()
        snapshots.current(self.shop)
        built = time.perf_counter()
        found = self._ask(title)
        answered = time.perf_counter()
        if entry.key not in [one.id for one in found.suggestions]:
            raise CannotMeasure(f"{entry.key} was published and is not the answer to its own title.")
        key_s = _seconds(lambda: browsing.complete(self.shop, title[:2], locale="zh-hans", limit=5))
        moments = (started, published, released, built, answered)
        parts = (round(after - before, 4) for before, after in pairwise(moments))
        named = dict(zip(("publish_s", "release_s", "build_s", "first_answer_s"), parts, strict=True))
        return {"live_s": answered - started, **named, "first_key_stroke_s": key_s}

    def _growth(self) -> Figures:
        """Bytes of a patch beside the text of its entry. Pages are counted, so of several patches together."""
        entries = list(FAQ.objects.order_by("-pk")[: 4 * self.sizes.patches])
        contents = {entry.key: entry_content(entry) | {"intent": "service.hours"} for entry in entries}
        own = sum(len(ledger.canonical(content).encode()) for content in contents.values())
        before = _bytes_used()
        for key, content in contents.items():
            propose(self.shop, {key: content})
        return {"bytes_beyond_text": round((_bytes_used() - before - own) / len(contents)), "patches": len(contents)}

    def _cut(self) -> Figures:
        """A week's changes, whose phrasings have vectors, released by a cut with its gate."""
        Shop.objects.filter(pk=self.shop.pk).update(release_policy=Policy.GATED)
        entries = list(FAQ.objects.order_by("pk")[self.sizes.patches :][: self.sizes.pending])
        for entry in entries:
            entry.title = next(self.fresh)
        FAQ.objects.bulk_update(entries, ["title"], batch_size=500)
        pending_s = _seconds(lambda: sync(self.shop, [entry.key for entry in entries]))
        self.old = self._live()
        snapshots.forget_snapshots()  # a cut runs in a process of its own
        started = time.perf_counter()
        cut = cutting.run(cutting.start(self.shop, by="benchmark"))
        total_s = round(time.perf_counter() - started, 3)
        if cut.state != CutState.LIVE:
            cutting.override(cut, "benchmark", "benchmark")
        gate_s = float((cut.report or {}).get("seconds", 0))
        figures = {"changes": len(entries), "pending_s": pending_s, "seconds": round(total_s - gate_s, 3)}
        return figures | {"gate_s": gate_s, "asked": (cut.report or {}).get("asked"), "build_s": self._from(self.old)}

    def _from(self, old: Release) -> float:
        """Until a process that serves `old` serves what is live."""
        moment = timezone.now()
        held = snapshots.build(self.shop.pk, old.ordinal, old.number, moment)
        live = self._live()
        return _seconds(lambda: snapshots.build(self.shop.pk, live.ordinal, live.number, moment, before=held))

    def _rollbacks(self) -> Figures:
        """Between the releases before and after the cut: the switch itself, and until the next answer."""
        targets = [self.old, self._live()] * (self.sizes.switches // 2)
        switches, builds = [], []
        for target in targets:
            switches.append(_seconds(partial(roll_back, self.shop, target)))
            builds.append(_seconds(lambda: snapshots.current(self.shop)))
        middle, most = round(float(np.median(builds)), 3), max(builds)
        return {"switch_s": max(switches), "build_s": middle, "slowest_build_s": most, "switches": len(targets)}

    def _past(self) -> Figures:
        """The first answer from before the cut, by a process that serves what is live; then beside live answers."""
        snapshots.forget_snapshots()
        snapshots.current(self.shop)
        asked = [Question(text, str(Channel.WIDGET)) for text in self.texts[2::PHRASINGS][: self.sizes.searches]]
        for question in asked:
            suggest(self.shop, question)  # encoded once, for both
        number = self.old.number
        first_s = _seconds(lambda: replay(self.shop, asked[0], number=number))
        calls: dict[str, Callable[[Any], object]] = {
            "ours": lambda pair: replay(self.shop, pair[0], number=number),
            "peer": lambda pair: suggest(self.shop, pair[1]),
        }
        # Never the same question in one round: the second to ask would find its readings warm.
        taken = in_turns(calls, list(zip(asked, [*asked[1:], asked[0]], strict=True)))
        ours, peer = percentiles(taken["ours"]), percentiles(taken["peer"])
        apart = len(ledger.changes_between(self.shop, self.old.ordinal, self._live().ordinal))
        beside = {"peer": {"name": "the live release"} | peer, "ratio": round(peer["p50_ms"] / ours["p50_ms"], 2)}
        return {"entries_apart": apart, "first_answer_s": first_s} | ours | beside

    def _reread(self) -> Figures:
        """What follows a lesson, which changes how every phrasing is read: until it serves, and back before it."""
        name = ledger.held(self.shop, self._live().ordinal, [READING])[READING]
        reading = ledger.contents_of([name])[name]
        # As another lesson would, and without the minutes that one takes.
        Shop.objects.filter(pk=self.shop.pk).update(release_policy=Policy.CONTINUOUS)
        propose(self.shop, {READING: {**reading, "trial": {"asked": 0}}})
        build_s = _seconds(lambda: snapshots.current(self.shop))
        question = Question(self.texts[2], str(Channel.WIDGET))
        snapshots.forget_snapshots()
        snapshots.current(self.shop)
        return {
            "build_s": build_s,
            "first_past_answer_s": _seconds(lambda: replay(self.shop, question, number=self.old.number)),
        }


def _bytes_used() -> int:
    """Of the file's pages, those that hold something."""
    with connection.cursor() as cursor:
        size, pages, free = (
            cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
    return int(size * (pages - free))


def write_library(shop: Shop, texts: Sequence[str]) -> None:
    """Published entries of PHRASINGS phrasings each, as if editors had written them; no release yet."""
    category = Category.objects.create(shop=shop, slug="general", name="general")
    locale = Locale.objects.get(language_code="zh-hans")
    common = {"shop": shop, "category": category, "locale": locale, "live": True}
    entries = [
        FAQ(title=title, similar="\n".join(similar), **common)
        for title, *similar in (texts[start : start + PHRASINGS] for start in range(0, len(texts), PHRASINGS))
    ]
    FAQ.objects.bulk_create(entries, batch_size=_BATCH)
    answers = [
        FAQAnswer(entry=entry, body=[("paragraph", f"<p>{entry.title}:请在订单页申请,客服会在 24 小时内回复您。</p>")])
        for entry in FAQ.objects.filter(shop=shop).iterator()
    ]
    FAQAnswer.objects.bulk_create(answers, batch_size=_BATCH)


def store_vectors(texts: Sequence[str]) -> None:
    """Made-up ones, where an encoder's would stand."""
    encoder = encoding.encoder()
    found, _queries = vectors(len(texts), 1, encoder.dimension)
    rows: Iterator[StoredVector] = (
        StoredVector(recipe=encoder.recipe, text_hash=text_hash(text), vector=vector.astype("<f4").tobytes())
        for text, vector in zip(texts, found, strict=True)
    )
    StoredVector.objects.bulk_create(rows, batch_size=_BATCH)
