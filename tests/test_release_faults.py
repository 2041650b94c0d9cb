"""Cuts that die, that meet, and that find something broken: nothing is lost, nothing is half."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests import cut_faults as faults
from tests.browser import ROOT, within
from tests.installation import blank_database, installations  # noqa: F401

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.timeout(600)]  # busy cores
_numbers = count(1, 2)

BEFORE_IT_IS_LIVE = [
    ("search.releases.cutting:_claim", "before"),
    ("search.releases.cutting:_claim", "after"),
    ("search.encoding:store_missing", "before"),
    ("search.encoding:store_missing", "after"),
    ("search.releases.gate:check", "before"),
    ("search.releases.gate:check", "after"),
    ("cms.releases.ledger:_written", "after"),
    ("cms.releases.ledger:_move_intervals", "before"),
    ("cms.releases.ledger:_move_intervals", "after"),
    ("cms.releases.ledger:_clear_pending", "after"),
]


@pytest.fixture(scope="module")
def home(install):
    made = install()
    made.call(faults.a_gated_shop)
    return made


@pytest.fixture
def killed(home, tmp_path):
    """Kills a cut of two new entries at a step; returns how things stood before."""

    def kill(place: str, when: str) -> dict[str, Any]:
        told = tmp_path / "before.json"
        with pytest.raises(subprocess.CalledProcessError) as caught:
            home.call(faults.publish_and_die, str(told), place, when, next(_numbers))
        assert caught.value.returncode == -signal.SIGKILL
        return json.loads(told.read_text())

    return kill


@pytest.mark.parametrize(("place", "when"), BEFORE_IT_IS_LIVE)
def test_a_cut_that_is_killed_changes_nothing_and_the_next_one_goes_on_with_it(home, killed, place, when):
    before = killed(place, when)
    found, said, after = home.call(faults.found_and_gone_on)
    assert {name: found[name] for name in ("live", "releases", "held", "half")} == {
        name: before[name] for name in ("live", "releases", "held", "half")
    }
    assert found["answers"] == before["answers"]
    assert len(found["pending"]) == 2
    assert found["cuts"][-1] in ("waiting", "building", "checking")
    assert "is live" in said
    assert len(said.splitlines()) == 2  # what was left, and what became of it
    assert (after["releases"], after["pending"], after["half"]) == (before["releases"] + 1, [], [])
    assert set(after["held"]) - set(before["held"]) == set(found["pending"])
    assert after["cuts"] == [*before["cuts"], "live"]


def test_a_cut_that_is_killed_just_after_it_went_live_is_live(home, killed):
    before = killed("search.releases.cutting:_put_live", "after")
    found, _said, after = home.call(faults.found_and_gone_on)
    assert (found["releases"], found["pending"], found["half"]) == (before["releases"] + 1, [], [])
    assert found["cuts"][-1] == "live"
    assert after["releases"] == found["releases"]
    assert after["cuts"][-1] == "nothing_new"


def test_of_two_cuts_in_two_processes_one_wins_and_the_other_says_who_runs_the_first(home, tmp_path):
    flag = tmp_path / "in the gate"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(home.call, faults.cut_slowly, str(flag), 15)
        within(120, flag.exists)
        second = home.manage("cut_release")
        assert (second.returncode, "lin" in second.stderr) == (1, True)
        assert first.result() == "live"
    assert home.call(faults.standing)["half"] == []


def test_a_launched_cut_runs_in_a_process_of_its_own_which_ends(home):
    assert home.call(faults.launched) == ["live", True, True]


def test_a_spoilt_content_fails_the_command_by_name_and_the_old_release_answers(home):
    before = home.call(faults.standing)
    key = home.call(faults.spoil_what_is_pending)
    done = home.manage("cut_release")
    after = home.call(faults.standing)
    home.call(faults.mend_what_is_pending, key)
    assert (done.returncode, key in done.stderr) == (1, True)
    assert (after["live"], after["answers"], after["half"]) == (before["live"], before["answers"], [])
    assert after["cuts"][-1] == "failed"


@pytest.fixture
def worker(home) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "manage.py", "work"]
    process = subprocess.Popen(command, cwd=ROOT, env=home.environment)
    yield process
    process.kill()
    process.wait()


def test_the_worker_ends_when_it_is_told_to(worker):
    within(60, lambda: _catches(worker.pid, signal.SIGTERM))
    worker.terminate()
    assert worker.wait(timeout=60) == 0


def _catches(pid: int, number: int) -> bool:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return bool(int(status["SigCgt"], 16) >> (number - 1) & 1)
