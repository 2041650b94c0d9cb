"""A cut in which something fails: the old release serves."""

import pytest
from django.db import OperationalError
from django.utils import timezone

from cms.models import Cut, CutState, PendingChange, Release, StoredContent
from cms.releases import ledger
from search import encoding
from search.engine.encoder import EncoderUnavailable, HashEncoder
from search.models import StoredVector
from search.releases import cutting, gate
from tests.builders import publish
from tests.release_cuts import answers, cut_now, gated  # noqa: F401
from tests.test_search_sync import live  # noqa: F401

# --- faults


def test_a_spoilt_content_fails_the_cut_by_name_and_the_old_release_serves(gated):  # noqa: F811
    StoredContent.objects.create(hash="1" * 64, text="{}")
    PendingChange.objects.create(shop=gated, key="faq:77", content_id="1" * 64, at=timezone.now())
    before = ledger.live_release(gated)
    with pytest.raises(cutting.CutFailed, match="faq:77"):
        cut_now(gated)
    assert Cut.objects.get().state == CutState.FAILED
    assert ledger.live_release(gated) == before
    assert answers(gated, "发票咋开") == ["怎么开发票"]


def test_a_spoilt_vector_is_encoded_anew(gated):  # noqa: F811
    StoredVector.objects.update(vector=b"spoilt")
    cut = cut_now(gated, even_if_nothing_new=True)
    assert cut.state == CutState.LIVE
    assert not StoredVector.objects.filter(vector=b"spoilt").exists()


def test_a_vector_that_cannot_be_had_fails_the_cut_by_name(gated, monkeypatch):  # noqa: F811
    StoredVector.objects.all().delete()
    monkeypatch.setattr(encoding, "store_missing", lambda *args, **kwargs: 0)
    with pytest.raises(cutting.CutFailed, match="怎么开发票"):
        cut_now(gated, even_if_nothing_new=True)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OperationalError("disk is full")])
@pytest.mark.parametrize("step", ["store", "_move_intervals", "_clear_pending"])
def test_a_full_disk_fails_the_cut_and_the_old_release_serves(gated, live, monkeypatch, step, error):  # noqa: F811
    live(publish, gated, "什么时候发货")
    before, rows = ledger.live_release(gated), Release.objects.count()

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(ledger, step, fail)
    with pytest.raises(cutting.CutFailed):
        cut_now(gated)
    cut = Cut.objects.get()
    assert (cut.state, cut.release) == (CutState.FAILED, None)
    assert str(error.args[-1]) in cut.error
    assert (ledger.live_release(gated), Release.objects.count()) == (before, rows)
    assert len(ledger.pending(gated)) == 1


def test_a_failed_cut_can_be_cut_again(gated, live, monkeypatch):  # noqa: F811
    live(publish, gated, "什么时候发货")
    with monkeypatch.context() as broken:
        broken.setattr(gate, "check", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(cutting.CutFailed):
            cut_now(gated)
    assert cut_now(gated).state == CutState.LIVE


def test_an_encoder_that_goes_away_half_way_fails_the_cut(gated, live, monkeypatch):  # noqa: F811
    live(publish, gated, "什么时候发货")
    StoredVector.objects.all().delete()

    def gone(self, texts):
        raise EncoderUnavailable("the model is gone")

    monkeypatch.setattr(HashEncoder, "encode", gone)
    with pytest.raises(cutting.CutFailed, match="the model is gone"):
        cut_now(gated)
