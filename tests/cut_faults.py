"""What tests of cuts that die have done in processes of their own."""

import json
import os
import signal
import time
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from cms.models import Cut, CutState, Policy, Release, Shop, StoredContent
from cms.releases import ledger
from search.answering import Question, suggest
from search.releases import cutting, gate
from tests.builders import make_shop, publish

QUERIES = ("怎么开发票", "发票咋开", "什么时候发货", "第1个新问题", "第9个新问题")


def a_gated_shop() -> None:
    shop = make_shop("demo")
    publish(shop, "怎么开发票", "发票咋开")
    publish(shop, "什么时候发货", "几天能发货")
    Shop.objects.update(release_policy=Policy.GATED)


def standing() -> dict[str, Any]:
    """What the shop holds and answers, and the releases whose digest is not that of what they hold."""
    shop = Shop.objects.get()
    live = ledger.live_release(shop)
    releases = Release.objects.filter(shop=shop)
    return {
        "live": live.number if live else "",
        "releases": releases.count(),
        "half": [one.number for one in releases if one.digest != ledger.digest(ledger.held(shop, one.ordinal))],
        "pending": sorted(ledger.pending(shop)),
        "held": ledger.held(shop, live.ordinal) if live else {},
        "answers": {query: _said(shop, query) for query in QUERIES},
        "cuts": [str(cut.state) for cut in Cut.objects.order_by("pk")],
    }


def _said(shop: Shop, query: str) -> list[Any]:
    found = suggest(shop, Question(query, "bot"))
    return [str(found.decision), [one.content["title"] for one in found.suggestions]]


def publish_and_die(told: str, place: str, when: str, number: int) -> None:
    """Two more entries wait, and the cut of them is killed before or after a step, `module:name`. `told`: the file in
    which it is written how things stood before."""
    Path(told).write_text(json.dumps(standing()))
    shop = Shop.objects.get()
    for new in (number, number + 1):
        publish(shop, f"第{new}个新问题", f"新问题{new}怎么办")
    module, _colon, name = place.partition(":")
    step = getattr(import_module(module), name)

    def killed(*args: Any, **kwargs: Any) -> None:
        if when == "after":
            step(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(import_module(module), name, killed)
    call_command("cut_release", notes="被打断的一周")


def found_and_gone_on() -> list[Any]:
    """How things stand, what the next cut says, how they stand then."""
    before, said = standing(), StringIO()
    call_command("cut_release", stdout=said, stderr=said)
    return [before, said.getvalue(), standing()]


def cut_slowly(flag: str, seconds: float) -> str:
    """Stays in the gate; `flag` is there once it has arrived."""
    check = gate.check

    def slow(*args: Any, **kwargs: Any) -> Any:
        Path(flag).touch()
        time.sleep(seconds)
        return check(*args, **kwargs)

    gate.check = slow
    return str(cutting.run(cutting.start(Shop.objects.get(), by="lin", even_if_nothing_new=True)).state)


def launched() -> list[Any]:
    """(how it ended, whether another process ran it, whether that one is gone)."""
    cut = cutting.start(Shop.objects.get(), by="wang", even_if_nothing_new=True)
    cutting.launch(cut)
    until = time.monotonic() + 90
    while time.monotonic() < until and cut.state != CutState.LIVE:
        time.sleep(0.2)
        cut.refresh_from_db()
    pid = int(cut.worker.split(":")[1])
    while time.monotonic() < until and Path(f"/proc/{pid}").exists():
        time.sleep(0.1)
    return [str(cut.state), pid != os.getpid(), not Path(f"/proc/{pid}").exists()]


def spoil_what_is_pending() -> str:
    """One of the entries that wait has a content that is not what its name says."""
    shop = Shop.objects.get()
    entry = publish(shop, "坏掉的问题")
    StoredContent.objects.create(hash="1" * 64, text="{}")
    shop.pending.filter(key=entry.key).update(content="1" * 64)
    return entry.key


def mend_what_is_pending(key: str) -> None:
    Shop.objects.get().pending.filter(key=key).delete()
