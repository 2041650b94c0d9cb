"""Releases as several processes serve them: gunicorn with two workers, a database on disk, and processes that die."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from threading import Event

import pytest

from search.engine.encoder import BUILT_MODEL, HASH_MODEL
from tests import release_histories as histories
from tests.browser import within
from tests.installation import Line, Server, blank_database, installations  # noqa: F401

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.timeout(600)]  # busy cores
SWITCHES, REQUESTS, CLIENTS, SECONDS = 20, 2_000, 4, 2


@pytest.fixture(scope="module", params=[HASH_MODEL, pytest.param(BUILT_MODEL, marks=pytest.mark.encoder)])
def history(request, install):
    """An installation after ten releases, and what was answered in their time."""
    if request.param == BUILT_MODEL:
        request.getfixturevalue("real_encoder")
    home = install(request.param)
    return home, home.call(histories.ten_releases)


def test_the_history_has_ten_releases_and_five_hundred_answers_of_all_kinds(history):
    _home, told = history
    answers = [json.loads(record["answer"]) for record in told["records"]]
    assert {record["ordinal"] for record in told["records"]} == set(range(1, 11))
    assert len(answers) == 500
    assert {one["decision"] for one in answers} == {"answer", "choose", "abstain"}
    assert {one["reason"] for one in answers} >= {"pinned", "no_answer_here", "verbatim"}
    assert not any(one["degraded"] for one in answers)


def test_the_process_that_gave_them_replays_all_answers_alike(history):
    _home, told = history
    assert told["differing"] == []


def test_a_fresh_process_replays_all_answers_alike(history):
    home, told = history
    assert home.call(histories.replayed, told["records"], 6) == []


def test_after_a_rollback_to_any_release_all_is_answered_as_then_and_the_switch_takes_under_a_second(history):
    home, told = history
    found = home.call(histories.rolled_back, told["records"], 7)
    assert found["differing"] == []
    assert max(found["seconds"]) < 1


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and what came of it; times are those of the clock that all processes share."""

    question: tuple[str, str]
    worker: int
    began: float
    ended: float
    status: int
    body: dict

    @property
    def said(self) -> dict:
        """All but what every answer has of its own, and the release's name."""
        return {name: value for name, value in self.body.items() if name not in ("release", "query_id", "took_ms")}


@dataclass
class Crowd:
    """Clients that ask until they are told to stop, each on a connection to each worker in turn."""

    server: Server
    questions: list[tuple[str, str]]
    key: str
    found: list[Asked] = field(default_factory=list)
    stop: Event = field(default_factory=Event)

    def ask(self, line: Line, question: tuple[str, str]) -> Asked:
        query, channel = question
        body = {"query": query, "shop": "demo", "channel": channel, "limit": 10}
        began = time.monotonic()
        status, answer = line.ask(body, key=self.key if channel == "agent" else "")
        return Asked(question, line.worker, began, time.monotonic(), status, answer)

    def all_in_calm(self) -> dict[tuple[str, str], dict]:
        with self.server.line_to_each() as lines:
            return {
                question: self.ask(line, question).said
                for line, question in zip(cycle(lines.values()), self.questions, strict=False)
            }

    def client(self, number: int) -> None:
        with self.server.line_to_each() as lines:
            for turn, line in enumerate(cycle(lines.values())):
                if self.stop.is_set():
                    return
                question = self.questions[(turn * CLIENTS + number) % len(self.questions)]
                self.found.append(self.ask(line, question))

    def seconds_until_served(self, number: str, since: float) -> float:
        """Until every worker answers from that release."""
        with self.server.line_to_each() as lines:
            waiting = dict(lines)
            while waiting and time.monotonic() < since + 5 * SECONDS:
                for worker, line in list(waiting.items()):
                    if self.ask(line, self.questions[0]).body["release"] == number:
                        del waiting[worker]
        return time.monotonic() - since


@dataclass(frozen=True, slots=True)
class Rush:
    """What happened while releases were switched under load. `calm`: digest of a release -> what it answers."""

    asked: list[Asked]
    switches: list[dict]
    seconds: list[float]
    releases: dict[str, dict]
    calm: dict[str, dict]
    workers: list[set[int]]


@pytest.fixture(scope="module")
def rush(install) -> Rush:
    if not Path("/proc/net/tcp").exists():
        pytest.skip("which worker answers is read from /proc")
    home = install()
    about = home.call(histories.two_releases)
    questions = [(query, channel) for query in about["asked"] for channel in ("agent", "widget")]
    with home.served(workers=2) as server, home.talk(histories.switch) as switch:
        workers = [server.workers]
        crowd = Crowd(server, questions, about["key"])
        in_second = crowd.all_in_calm()
        switch(about["first"])
        in_first = crowd.all_in_calm()
        switches, seconds = switched_under_load(crowd, switch, [about["second"], about["first"]])
        workers.append(server.workers)
    releases = home.call(histories.what_releases_hold)
    calm = {releases[about["first"]]["digest"]: in_first, releases[about["second"]]["digest"]: in_second}
    return Rush(crowd.found, switches, seconds, releases, calm, workers)


def switched_under_load(
    crowd: Crowd, switch: Callable[..., dict], targets: list[str]
) -> tuple[list[dict], list[float]]:
    switches, seconds = [], []
    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(crowd.client, number) for number in range(CLIENTS)]
        try:
            for turn, target in zip(range(SWITCHES), cycle(targets), strict=False):
                within(60, lambda turn=turn: len(crowd.found) >= turn * REQUESTS / SWITCHES)
                switches.append(switch(target))
                seconds.append(crowd.seconds_until_served(switches[-1]["number"], switches[-1]["after"]))
            within(60, lambda: len(crowd.found) >= REQUESTS)
        finally:
            crowd.stop.set()
    for client in clients:
        client.result()
    return switches, seconds


def test_no_request_fails_while_releases_are_switched(rush):
    assert len(rush.asked) >= REQUESTS
    assert len(rush.switches) == SWITCHES
    assert {one.status for one in rush.asked} == {200}
    assert {one.worker for one in rush.asked} == rush.workers[0] == rush.workers[1]


def test_no_answer_holds_an_entry_or_a_text_that_the_release_it_names_does_not_hold(rush):
    for one in rush.asked:
        texts = rush.releases[one.body["release"]]["texts"]
        for suggestion in one.body["suggestions"]:
            assert suggestion["answer"]["text"] in texts[suggestion["id"]]


def test_every_answer_is_what_the_release_that_it_names_answers_in_calm(rush):
    first, second = rush.calm.values()
    assert sum(first[question] != second[question] for question in first) > len(first) / 3
    for one in rush.asked:
        assert one.said == rush.calm[rush.releases[one.body["release"]]["digest"]][one.question]


def test_every_worker_serves_a_switch_within_two_seconds(rush):
    assert max(rush.seconds) < SECONDS


def test_no_worker_goes_back_to_an_older_release(rush):
    for worker in rush.workers[0]:
        newest, ended = 0, []
        for one in sorted((one for one in rush.asked if one.worker == worker), key=lambda one: one.ended):
            ordinal = rush.releases[one.body["release"]]["ordinal"]
            # What had ended before this one began was not newer.
            assert all(other <= ordinal for when, other in ended if when <= one.began)
            if ordinal > newest:
                newest = ordinal
                ended.append((one.ended, ordinal))


def test_what_a_switch_takes_back_is_said_by_nobody_once_it_is_done(rush):
    moments = sorted((one["before"], one["after"], one["number"]) for one in rush.switches)
    for one in rush.asked:
        past = [number for _before, after, number in moments if after <= one.began]
        meanwhile = {number for before, after, number in moments if after > one.began and before < one.ended}
        if past:
            held = set().union(*(rush.releases[number]["texts"] for number in {past[-1], *meanwhile}))
            assert {suggestion["id"] for suggestion in one.body["suggestions"]} <= held


@pytest.fixture(scope="module")
def watched(install):
    """An installation with two entries, the number of the second, and a process that has answered from them."""
    home = install()
    pk = home.call(histories.an_entry)
    with home.talk(histories.titles_for) as titles_for:
        assert titles_for("怎么开发票")["titles"][0] == "怎么开发票"
        yield home, pk, titles_for


@pytest.mark.parametrize(
    ("place", "command"),
    [
        ("search.tasks.sync", "rebuild_index"),
        ("search.tasks.sync", "prepare"),
        ("search.encoding.store_missing", "rebuild_index"),
        ("cms.releases.ledger._move_intervals", "rebuild_index"),
        ("cms.releases.ledger._clear_pending", "rebuild_index"),
    ],
)
def test_an_edit_whose_process_was_killed_is_not_live_until_it_is_mended_and_then_whole(watched, place, command):
    home, pk, titles_for = watched
    before, title = titles_for("怎么开发票"), f"{command} 在 {place} 之后"
    with pytest.raises(subprocess.CalledProcessError) as death:
        home.call(histories.die_at, place, pk, title)
    assert death.value.returncode == -signal.SIGKILL
    assert titles_for("怎么开发票") == before
    assert home.call(histories.mended, command) == {"before": False, "after": True}
    assert titles_for(title)["titles"][0] == title


def test_a_process_answers_from_what_another_one_has_released(watched):
    home, pk, titles_for = watched
    number = home.call(histories.rename, pk, "能开专票吗")
    found = titles_for("能开专票吗")
    assert found["titles"][0] == "能开专票吗"
    assert found["release"] == number
