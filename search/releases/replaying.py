"""What would have been answered: by a release that is named, or by the one that was live at a moment."""

from datetime import datetime

from django.utils import timezone

from cms.models import Release, Shop
from cms.releases import ledger
from search import snapshots
from search.answering import Question, Suggestions, answer


class UnknownRelease(LookupError):
    """The shop has no release of that number."""


class BeforeTheFirst(LookupError):
    """Nothing was live yet. `first` is when the first release went live, None where there is none."""

    def __init__(self, first: datetime | None) -> None:
        super().__init__(first)
        self.first = first


class InTheFuture(ValueError):
    """What will be answered then is not known."""


def replay(shop: Shop, question: Question, *, number: str = "", as_of: datetime | None = None) -> Suggestions:
    """From release `number`, with the clock of `as_of` (now where it is left out); with `as_of` alone from the release
    that was live then. Raises UnknownRelease, BeforeTheFirst, InTheFuture."""
    now = timezone.now()
    if as_of and as_of > now:
        raise InTheFuture(as_of)
    moment = as_of or now
    release = find(shop, number) if number else ledger.release_at(shop, moment)
    if release is None:
        raise BeforeTheFirst(ledger.first_moment(shop))
    return answer(snapshots.past(shop, release, moment), question, moment)


def find(shop: Shop, number: str) -> Release:
    """Raises UnknownRelease."""
    release = Release.objects.filter(shop=shop, number=number).first()
    if release is None:
        raise UnknownRelease(number)
    return release
