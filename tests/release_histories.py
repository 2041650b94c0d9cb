"""What shops go through, and what they answered meanwhile: functions that a process of an installation calls.

Each takes and returns JSON. An answer is compared whole, down to the last digit of a confidence.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch

import numpy as np
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from cms.content import FACTS, READING
from cms.models import FAQ, Entry, Fact, Product, Release, Shop
from cms.releases import ledger
from cms.releases.rollback import NothingToRollBack, roll_back
from search import answering, encoding
from search.answering import Question, suggest
from search.checking import findings
from search.engine.adapter import Adapter
from search.engine.fits import fit_for
from search.engine.learning import Lesson
from search.made_up import questions
from search.models import KeyChannel, ShopAPIKey
from search.readings import reading_content
from search.releases.replaying import replay
from search.sync import propose
from search.tasks import one_release
from tests.builders import intent_rule, make_shop, pin, publish, publish_script, synonyms

Json = dict[str, Any]


def the_shop() -> Shop:
    return Shop.objects.get(slug="demo")


def edit(entry: Entry, **fields: Any) -> None:
    """Published as an editor does it."""
    entry = type(entry).objects.get(pk=entry.pk)
    for name, value in fields.items():
        setattr(entry, name, value)
    entry.full_clean()
    entry.save_revision().publish()


def answered(entry: Entry, text: str) -> None:
    entry = type(entry).objects.get(pk=entry.pk)
    for answer in entry.answers.all():
        answer.body = [("paragraph", f"<p>{text}</p>")]
        answer.save()
    entry.save_revision().publish()


def fact(shop: Shop, key: str, value: str, **fields: Any) -> Fact:
    return Fact.objects.create(shop=shop, key=key, label=key, value=value, **fields)


# Two releases that differ in much


def two_releases() -> Json:
    """A shop with a second release in which a third of the entries was added, changed or is gone."""
    shop = make_shop("demo")
    titles = questions(200)
    ship = fact(shop, "ship_within", "48", unit="小时", value_en="48 hours")
    with one_release():
        entries = [_numbered(shop, number, titles) for number in range(80)]
    first = ledger.live_release(shop)
    with one_release():
        for number in range(0, 80, 8):
            entries[number].unpublish()
            answered(entries[number + 1], f"改过的第 {number + 1} 条，{{{{ fact.ship_within }}}}内发货。")
            edit(entries[number + 2], title=titles[160 + number // 8])
        for number in range(80, 100):
            _numbered(shop, number, titles)
        ship.value, ship.value_en = "24", "24 hours"
        ship.save()
    second = ledger.live_release(shop)
    _row, key = ShopAPIKey.objects.create_key(name="desk", shop=shop, channel=KeyChannel.AGENT)
    asked = [titles[number] for number in (*range(24), *range(80, 90), *range(160, 170))]
    return {"first": first.number, "second": second.number, "key": key, "asked": asked}


def _numbered(shop: Shop, number: int, titles: list[str]) -> Entry:
    answer = f"第 {number} 条，{{{{ fact.ship_within }}}}内发货。"
    if number % 5 == 4:
        return publish_script(shop, titles[number], titles[number + 100][:-1] + "吗", answer=answer)
    return publish(shop, titles[number], titles[number + 100], answer=answer)


def switch(number: str) -> Json:
    """Rolls back to that release. `before` and `after` the commit, on the clock that all processes share."""
    shop = the_shop()
    target = Release.objects.get(shop=shop, number=number)
    before = time.monotonic()
    release = roll_back(shop, target)
    return {"number": release.number, "before": before, "after": time.monotonic()}


def what_releases_hold() -> Json:
    """Number -> its digest and ordinal, and the texts that each of its entries may answer with."""
    shop, found = the_shop(), {}
    for release in Release.objects.filter(shop=shop):
        contents = _contents(shop, release.ordinal)
        fact = contents[FACTS]["facts"][0]
        texts = {
            key: [
                variant["text"].replace("{{ fact.ship_within }}", value)
                for variant in content["answers"]
                for value in (fact["value"], fact["value_en"])
            ]
            for key, content in contents.items()
            if ":" in key
        }
        found[release.number] = {"digest": release.digest, "ordinal": release.ordinal, "texts": texts}
    return found


def _contents(shop: Shop, ordinal: int) -> dict[str, Any]:
    hashes = ledger.held(shop, ordinal)
    contents = ledger.contents_of(hashes.values())
    return {key: contents[name] for key, name in hashes.items()}


# Ten releases, and what was answered in their time

START = timedelta(days=75)
ASKED_PER_RELEASE = 5, 10
"""Moments within a release at which is asked, and questions at each."""


class Clock:
    """What the time is, in the whole process."""

    def __init__(self) -> None:
        self.now = timezone.now() - START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **time: float) -> None:
        self.now += timedelta(**time)


@contextmanager
def clock() -> Iterator[Clock]:
    clock = Clock()
    with patch.object(timezone, "now", clock):
        yield clock


class Story:
    """A shop's ten weeks, a release each. What begins and ends does so on the third of the five days that are asked."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.shop = make_shop("demo")
        self.entries: list[Entry] = []

    def chapters(self) -> Iterator[Callable[[], None]]:
        return iter(
            [
                self.opens,
                self.edits,
                self.takes_back,
                self.changes_facts,
                self.lays_down_rules,
                self.learns,
                self.renames_its_category,
                self.rolls_back,
                self.republishes,
                self.cleans_up,
            ]
        )

    def in_days(self, days: float) -> datetime:
        return self.clock() + timedelta(days=days)

    def opens(self) -> None:
        shop, titles = self.shop, questions(120)
        product = Product.objects.create(shop=shop, key="P1", name="保温杯", name_en="flask")
        fact(shop, "ship_within", "48", unit="小时", value_en="48 hours")
        fact(shop, "best_before", "2027-05-31", product=product)
        for number in range(30):
            answers = [{"answer": f"机器人的第 {number} 条。", "channel": "bot"}] if number % 6 == 0 else []
            answers.append({"answer": f"第 {number} 条，{{{{ fact.ship_within }}}}内，{number} 号。"})
            similar = titles[30 + 2 * number : 32 + 2 * number]
            self.entries.append(publish(shop, titles[number], *similar, answers=answers))
        for number, title in enumerate(
            ["How do I get an invoice?", "When will you ship my order?", "Can I return it?"]
        ):
            key = self.entries[number].translation_key
            publish(shop, title, locale="en", answer="Within {{ fact.ship_within }}.", translation_key=key)
        publish(shop, "这个保温杯保质期到哪天", answer="{{ product.name }}到 {{ product.best_before }}。")
        publish_script(shop, "催发货的安抚话术", "怎么还不发货", answer="订单 {{ order.number }} 马上发。", mode="both")
        publish_script(shop, "议价", "能便宜点吗", answer="已经是最低价了。")

    def edits(self) -> None:
        answered(self.entries[0], "第 0 条，改过。")
        edit(self.entries[1], title="怎么才能开公司抬头的发票")
        edit(self.entries[2], similar=f"{self.entries[2].similar}\n多久可以寄出来")
        edit(self.entries[3], valid_to=self.in_days(3), similar="双十一有什么活动")
        publish(self.shop, "年货节什么时候开始", answer="下周。", valid_from=self.in_days(3))

    def takes_back(self) -> None:
        self.entries[4].unpublish()
        self.entries[5].unpublish()
        edit(self.entries[6], negative="怎么退货")
        edit(self.entries[10], mode="agent")
        self.shop.wrong_rate = 0.02
        self.shop.save()

    def changes_facts(self) -> None:
        row = Fact.objects.get(shop=self.shop, key="ship_within")
        row.valid_to = timezone.localdate(self.in_days(3))
        row.save()
        tomorrow = timezone.localdate(self.in_days(4))
        fact(self.shop, "ship_within", "24", unit="小时", value_en="24 hours", valid_from=tomorrow)
        Fact.objects.filter(key="best_before").get().delete()
        fact(self.shop, "opens", "09:00", valid_to=date(2020, 1, 1))

    def lays_down_rules(self) -> None:
        synonyms(self.shop, "快递", "物流", "包裹")
        synonyms(self.shop, "运费", "邮费", direction="one_way")
        pin(self.entries[7], "年货", starts=self.in_days(3), match="contains")
        pin(self.entries[8], "怎么退货", ends=self.in_days(3))
        pin(self.entries[9], "怎么换货", action="never")
        intent_rule(self.shop, "logistics.tracking", "催", examples=("怎么还不发货",), urgent=True)

    def learns(self) -> None:
        """Another reading of the vectors, and another way to be sure, as a lesson brings them."""
        dimension = encoding.encoder().dimension
        noise = np.random.default_rng(1).standard_normal((dimension, dimension)) / dimension
        sure = replace(fit_for(encoding.recipe()), choose_at=0.2)
        lesson = Lesson(Adapter((np.eye(dimension) + noise).astype(np.float32)), sure, None, 0.0)
        propose(self.shop, {READING: reading_content(encoding.default_encoder(), lesson)})

    def renames_its_category(self) -> None:
        category = self.shop.categories.get()
        category.slug = "renamed"
        category.save()
        edit(self.entries[11], valid_from=self.in_days(-1), valid_to=self.in_days(3.5))

    def rolls_back(self) -> None:
        roll_back(self.shop, Release.objects.get(shop=self.shop, ordinal=4))

    def republishes(self) -> None:
        edit(self.entries[4])
        intent_rule(self.shop, "invoice.request", "发票", "抬头")
        publish(self.shop, "只要包裹还没寄出就能改地址吗", "改地址", answer="可以。")

    def cleans_up(self) -> None:
        for entry in self.entries[12:15]:
            FAQ.objects.get(pk=entry.pk).delete()
        edit(self.entries[15], title="一句全新的标准问法")


def ten_releases() -> Json:
    """What was answered in ten weeks, and which of it this process replays otherwise at their end."""
    dice = random.Random(4)
    records: list[Json] = []
    with clock() as now:
        story = Story(now)
        for chapter in story.chapters():
            with one_release():
                chapter()
            moments, asked = ASKED_PER_RELEASE
            for _moment in range(moments):
                now.forward(days=1, seconds=dice.random())
                records += [_record(story.shop, _question(dice), now) for _number in range(asked)]
            now.forward(days=2)
    connection.close()  # opened under the patched clock, by which Django would judge its age
    return {"records": records, "differing": replayed(records, 5)}


def _question(dice: random.Random) -> Json:
    """In anybody's words: an editor's, nearly an editor's, somebody else's, English, none at all."""
    titles = questions(120)
    query = dice.choice(
        [
            dice.choice(titles[:30]),
            dice.choice(titles[30:90]),
            dice.choice(titles[90:]),
            dice.choice(titles)[dice.randrange(6) :],
            dice.choice(["怎么开发嫖", "怎么退货", "怎么换货", "年货", "双十一有什么活动", "年货节什么时候开始"]),
            dice.choice(["物流到哪了", "邮费谁出", "快递还没到", "催一下", "怎么还不发货", "能便宜点吗"]),
            dice.choice(["这个保温杯保质期到哪天", "怎么才能开公司抬头的发票", "改地址", "一句全新的标准问法"]),
            dice.choice(["When will you ship my order?", "how to get an invoice", "return", "？？", "今天天气怎么样"]),
        ]
    )
    return {
        "query": query or "发货",
        "channel": dice.choice(["bot", "agent", "widget"]),
        "locale": dice.choice([None, None, "zh-hans", "en"]),
        "product_id": dice.choice([None, "P1"]),
        "order": dice.choice([{}, {"number": "D-77", "state": "paid"}]),
        "limit": dice.choice([1, 3, 5, 10]),
        "explain": dice.random() < 0.2,
    }


def _record(shop: Shop, question: Json, now: Clock) -> Json:
    found = suggest(shop, Question(**question))
    release = ledger.live_release(shop)
    assert release.number == found.release
    return {"question": question, "moment": now().isoformat(), "answer": whole(found), "ordinal": release.ordinal}


def whole(found: answering.Suggestions) -> str:
    """All of an answer but what every answer has of its own."""
    answer = asdict(found)
    del answer["query_id"], answer["took_ms"]
    return json.dumps(answer, ensure_ascii=False, default=str, sort_keys=True)


def replayed(records: list[Json], seed: int) -> list[Json]:
    """Those that are answered otherwise as of their moment, asked in random order, and how."""
    shop, differing = the_shop(), []
    for record in random.Random(seed).sample(records, len(records)):
        moment = datetime.fromisoformat(record["moment"])
        again = whole(replay(shop, Question(**record["question"]), as_of=moment))
        if again != record["answer"]:
            differing.append({**record, "again": again})
    return differing


def rolled_back(records: list[Json], seed: int) -> Json:
    """Rolls back to each release and asks the live one, with the clock of each record. What is answered otherwise, and
    the seconds that each switch took."""
    shop, differing, seconds = the_shop(), [], []
    ordinals = sorted({record["ordinal"] for record in records})
    for ordinal in random.Random(seed).sample(ordinals, len(ordinals)):
        target = Release.objects.get(shop=shop, ordinal=ordinal)
        started = time.perf_counter()
        try:
            live = roll_back(shop, target)
        except NothingToRollBack:
            live = ledger.live_release(shop)
        seconds.append(time.perf_counter() - started)
        with clock() as now:
            for record in records:
                if record["ordinal"] == ordinal:
                    now.now = datetime.fromisoformat(record["moment"])
                    found = json.loads(whole(suggest(shop, Question(**record["question"]))))
                    assert found["release"] == live.number
                    if found | {"release": target.number} != json.loads(record["answer"]):
                        differing.append({**record, "again": found})
        connection.close()
    return {"differing": differing, "seconds": seconds}


# Processes that die, and processes that were not told


def an_entry() -> int:
    with one_release():
        publish(make_shop("demo"), "怎么退货", answer="七天内。")
        return publish(the_shop(), "怎么开发票", answer="在订单页申请。").pk


def die_at(place: str, pk: int, title: str) -> None:
    """An editor publishes, and at `place`, a function's name, the process is killed."""
    with patch(place, lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)):
        edit(FAQ.objects.get(pk=pk), title=title)


def rename(pk: int, title: str) -> str:
    """The release in which it is live."""
    edit(FAQ.objects.get(pk=pk), title=title)
    return str(ledger.live_release(the_shop()).number)


def titles_for(query: str) -> Json:
    """What this process says to an agent."""
    found = suggest(the_shop(), Question(query, "agent"))
    return {"titles": [one.content["title"] for one in found.suggestions], "release": found.release}


def mended(command: str) -> Json:
    """What check_index finds before and after the command."""
    before = findings(the_shop())
    call_command(command, stdout=StringIO())
    return {"before": before.healthy, "after": findings(the_shop()).healthy}
