"""The golden set: the shop's similar questions, each to be held out in turn, and the cases that people keep.

Where there are too many, what a release touches is asked first, and of the rest an even share, the same every time.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from cms.models import CaseSource, Channel, GoldenCase, Shop
from search.answering import Question
from search.engine.text import has_words
from search.engine.types import Passage
from search.snapshots import Audience, Snapshot


class Kind(StrEnum):
    HELD_OUT = "held_out"
    TITLE = "title"
    CASE = "cases"
    ACCEPTED = "accepted"
    MUST_NOT = "must_not"


@dataclass(frozen=True, slots=True, eq=False)
class Golden:
    """A question and the entry that has to come first: `key`, of `group`; both empty where none may answer. An entry
    that neither release holds has no group. Each is itself: two equal ones are asked twice."""

    kind: Kind
    question: Question
    key: str = ""
    group: str = ""
    hidden: Passage | None = None
    must: bool = False

    @property
    def is_case(self) -> bool:
        return self.kind not in (Kind.HELD_OUT, Kind.TITLE)


def audience_of(snapshot: Snapshot, question: Question) -> Audience:
    return snapshot.for_agents if question.channel == Channel.AGENT else snapshot.for_shoppers


def similar_questions(snapshot: Snapshot, *, but: Collection[str] = ()) -> list[Golden]:
    """Those of every entry that is valid at the moment of the picture, each with itself held out; none of the entries
    `but`."""
    return [
        Golden(
            Kind.HELD_OUT,
            Question(text, _channel(snapshot, key), locale=content["locale"]),
            key,
            content["group"],
            Passage(content["group"], text),
        )
        for key, content in snapshot.for_agents.entries.items()
        if key not in but
        for text in content["similar"]
        if has_words(text)
    ]


def titles(snapshot: Snapshot) -> list[Golden]:
    """The entries' own titles, which are not held out: what else could reach an entry?"""
    return [
        Golden(
            Kind.TITLE,
            Question(content["title"], _channel(snapshot, key), locale=content["locale"]),
            key,
            content["group"],
        )
        for key, content in snapshot.for_agents.entries.items()
    ]


def _channel(snapshot: Snapshot, key: str) -> str:
    """As shoppers ask, or as agents do where shoppers never see the entry."""
    return str(Channel.BOT if key in snapshot.for_shoppers.entries else Channel.AGENT)


def kept_cases(shop: Shop, *snapshots: Snapshot) -> list[Golden]:
    """The shop's active golden cases; entries are looked up in these pictures."""
    rows = GoldenCase.objects.active().filter(shop=shop).select_related("faq", "script", "product").order_by("pk")
    return [_case(row, snapshots) for row in rows]


def _case(row: GoldenCase, snapshots: Iterable[Snapshot]) -> Golden:
    key = row.entry.key if row.entry else ""
    groups = (one.contents[key]["group"] for one in snapshots if key in one.contents)
    question = Question(
        row.query,
        row.channel,
        locale=row.locale or None,
        product_id=row.product.key if row.product else None,
        order={"state": row.order_state} if row.order_state else {},
    )
    kind = Kind.ACCEPTED if row.source == CaseSource.ACCEPTED else Kind.CASE
    return Golden(kind if key else Kind.MUST_NOT, question, key, next(groups, ""), must=row.must)


def drawn(questions: Sequence[Golden], most: int, weight: Callable[[Golden], int] = lambda _one: 0) -> list[Golden]:
    """At most so many: those with the greatest weight, and of equal ones an even share. The same questions, in
    whatever order they come, give the same ones, and fewer give a part of more."""
    return sorted(questions, key=lambda one: (-weight(one), _lot(one)))[:most]


def _lot(one: Golden) -> str:
    return sha256(f"{one.key} {one.question.query}".encode()).hexdigest()
