"""What an edit changed in a content: an entry, or a shop's facts, rules, settings or reading, field by field.

Two contents that differ at all differ in at least one `FieldChange`; fields that nobody told us of are compared as the
JSON that they are. Names are for machines, the screen translates them; what nobody can read is said to have changed.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from search.engine.differences import Part, PartKind, atom_diff, line_diff, word_diff, words_of
from search.engine.markup import read_markup
from search.engine.pairing import Item, Pair, paired

Content = Mapping[str, Any]
ChangeKind = Literal["added", "removed", "changed", "moved", "formatting"]

_ORDER = ("title", "similar", "negative", "answers", "category", "intent", "mode", "valid_from", "valid_to")
_OF_THE_RECORD = frozenset(["kind", "group"])
"""Not worth a word where the whole content is new or gone."""
_ONE_THING = frozenset(
    ["category", "intent", "mode", "scene", "emotion", "locale", "channel", "entry", "product", "key"]
)
_IDENTITY = {"facts": ("key", "product"), "answers": ("channel",), "pins": ("entry",), "intents": ("intent",)}
_ONLY_BY_IDENTITY = frozenset(["facts"])
_KEYED = frozenset(["products"])
_CODE = re.compile(r"[!-~]*")
_UNREADABLE = re.compile(r"[A-Za-z0-9+/_=-]{100,}")
_UNREADABLE_FIELDS = frozenset(["adapter", "codebook"])
_MOST_NUMBERS = 16
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`field`: `title`, `answers.text`, `facts.value`. `item`: which one of several, as an editor calls it: a fact's
    key, an answer's channel. No `parts`: there is nothing to read, only that it changed."""

    field: str
    kind: ChangeKind
    parts: tuple[Part, ...] = ()
    item: str = ""


def content_diff(before: Content | None, after: Content | None) -> tuple[FieldChange, ...]:
    """None: there was no such content, or there is none any more."""
    if before == after:
        return ()
    skipped = _OF_THE_RECORD if before is None or after is None else frozenset[str]()
    old, new = before or {}, after or {}
    names = sorted({**new, **old}, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    found = [
        change for name in names if name not in skipped for change in _compared(name, "", old.get(name), new.get(name))
    ]
    return tuple(found) or (FieldChange("content", _kind(before, after)),)


def counts(changes: Iterable[FieldChange]) -> dict[ChangeKind, int]:
    """How many changes there are of each kind that occurs."""
    return dict(Counter(change.kind for change in changes))


def _kind(before: object, after: object) -> ChangeKind:
    if _is_nothing(before) == _is_nothing(after):
        return "changed"
    return "added" if _is_nothing(before) else "removed"


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def _compared(field: str, item: str, before: Any, after: Any) -> list[FieldChange]:
    """Empty only for what is equal, or nothing both times."""
    if before == after or (_is_nothing(before) and _is_nothing(after)):
        return []
    return list(_differences(field, item, before, after)) or [FieldChange(field, _kind(before, after), (), item)]


def _differences(field: str, item: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if _is_unreadable(field, before) or _is_unreadable(field, after):
        return
    if _are(dict, before, after):
        yield from _fields(field, item, before or {}, after or {})
    elif _are(list, before, after) and _all_are(str, before, after):
        yield from _lines(field, item, before or [], after or [])
    elif _are(list, before, after) and _all_are(dict, before, after):
        yield from _records(field, item, before or [], after or [])
    else:
        yield FieldChange(field, _kind(before, after), _value_diff(field, before, after), item)


def _is_unreadable(field: str, value: Any) -> bool:
    if isinstance(value, str):
        return _last(field) in _UNREADABLE_FIELDS or _UNREADABLE.fullmatch(value) is not None
    return isinstance(value, list) and len(value) > _MOST_NUMBERS and not _all_are((str, dict), value, None)


def _are(kind: type, before: Any, after: Any) -> bool:
    return all(value is None or isinstance(value, kind) for value in (before, after))


def _all_are(kind: type | tuple[type, ...], before: list[Any] | None, after: list[Any] | None) -> bool:
    return all(isinstance(value, kind) for value in [*(before or []), *(after or [])])


def _value_diff(field: str, before: Any, after: Any) -> tuple[Part, ...]:
    old, new = _shown(before), _shown(after)
    is_code = _CODE.fullmatch(old) and _CODE.fullmatch(new)
    parts = atom_diff(old, new) if is_code or _last(field) in _ONE_THING else word_diff(old, new)
    return tuple(parts) if old != new else ()


def _last(field: str) -> str:
    return field.rsplit(".", 1)[-1]


def _shown(value: Any) -> str:
    if isinstance(value, (list, dict)):
        return _told(value)
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, default=str)


def _told(value: Any, name: str = "") -> str:
    """A record in one line, for an editor: what it holds, and the names of what is switched on."""
    if isinstance(value, dict):
        return " · ".join(filter(None, (_told(part, key) for key, part in value.items())))
    if _is_unreadable(name, value) or value is None or value is False:
        return ""
    if isinstance(value, list):
        return "、".join(filter(None, map(_told, value)))
    return name if value is True else _shown(value)


def _fields(field: str, item: str, before: Content, after: Content) -> Iterator[FieldChange]:
    for name in {**after, **before}:
        old, new = before.get(name), after.get(name)
        if field not in _KEYED:
            yield from _compared(f"{field}.{name}", item, old, new)
        elif isinstance(old, dict) and isinstance(new, dict):
            yield from _fields_of_record(field, name, old, new)
        else:
            yield from _whole(field, name, old, new)


def _fields_of_record(field: str, item: str, before: Content, after: Content) -> Iterator[FieldChange]:
    for name in {**after, **before}:
        yield from _compared(f"{field}.{name}", item, before.get(name), after.get(name))


def _whole(field: str, item: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if before != after:
        yield FieldChange(field, _kind(before, after), tuple(atom_diff(_told(before), _told(after))), item)


def _lines(field: str, item: str, before: Sequence[str], after: Sequence[str]) -> Iterator[FieldChange]:
    """An edited phrasing is shown as one that was edited, not as one removed and another added."""
    pairs = paired([Item(line, words_of(line)) for line in before], [Item(line, words_of(line)) for line in after])
    for old, new in pairs:
        if old is None or new is None or before[old] != after[new]:
            one, other = "" if old is None else before[old], "" if new is None else after[new]
            kind: ChangeKind = "added" if old is None else "removed" if new is None else "changed"
            yield FieldChange(field, kind, _value_diff(field, one, other), item)
    yield from _moved(field, item, pairs, after)


def _records(field: str, item: str, before: list[Content], after: list[Content]) -> Iterator[FieldChange]:
    pairs = paired(
        [_item(field, record) for record in before],
        [_item(field, record) for record in after],
        only_by_identity=field in _ONLY_BY_IDENTITY,
    )
    names = [_name(field, record) for record in after]
    for old, new in pairs:
        if old is not None and new is not None:
            of_record = _answer if field == "answers" else _fields_of_record
            yield from of_record(field, names[new], before[old], after[new])
        elif old is not None:
            yield FieldChange(field, "removed", _part("removed", field, before[old]), _name(field, before[old]))
        elif new is not None:
            yield FieldChange(field, "added", _part("added", field, after[new]), names[new])
    yield from _moved(field, item, pairs, names)


def _item(field: str, record: Content) -> Item:
    whole = json.dumps(record, sort_keys=True, default=str)
    identity = tuple(_shown(record.get(name)) for name in _IDENTITY.get(field, ()))
    return Item(whole, words_of(_text_of(field, record)), identity if any(identity) else None)


def _name(field: str, record: Content) -> str:
    """As an editor would call it: by its identity, or by the first that it says."""
    known = [_shown(record.get(name)) for name in _IDENTITY.get(field, ())]
    said = known if any(known) else [next(filter(None, map(_told, record.values())), "")]
    return " · ".join(filter(None, said))[:_LONGEST_NAME]


def _text_of(field: str, record: Content) -> str:
    text = record.get("text") if field == "answers" else None
    return text if text and isinstance(text, str) else _told(record)


def _part(kind: PartKind, field: str, record: Content) -> tuple[Part, ...]:
    """Without what the item's name says already."""
    identity = _IDENTITY.get(field, ())
    text = _text_of(field, {name: value for name, value in record.items() if name not in identity})
    return (Part(kind, text),) if text else ()


def _moved(field: str, item: str, pairs: Iterable[Pair], names: Sequence[str]) -> Iterator[FieldChange]:
    kept = [new for old, new in sorted((old, new) for old, new in pairs if old is not None and new is not None)]
    if kept != sorted(kept):
        parts = line_diff([names[place] for place in kept], [names[place] for place in sorted(kept)])
        yield FieldChange(field, "moved", tuple(parts), item)


def _answer(field: str, item: str, before: Content, after: Content) -> Iterator[FieldChange]:
    for name in {**after, **before}:
        if name not in ("html", "blocks"):
            yield from _compared(f"{field}.{name}", item, before.get(name), after.get(name))
    if any(before.get(name) != after.get(name) for name in ("html", "blocks")):
        yield from _body(field, item, before, after)


def _body(field: str, item: str, before: Content, after: Content) -> Iterator[FieldChange]:
    """What the plain text does not tell of an answer's body: other words, links and images; else that it looks
    different."""
    old, new = read_markup(_shown(before.get("html"))), read_markup(_shown(after.get("html")))
    parts = tuple(word_diff(old.text, new.text))
    edits = _edits(parts)
    found = []
    is_told = edits and edits == _edits(word_diff(_shown(before.get("text")), _shown(after.get("text"))))
    if edits and not is_told:
        found.append(FieldChange(f"{field}.body", _kind(old.text, new.text), parts, item))
    found += _compared(f"{field}.links", item, old.links, new.links)
    found += _compared(f"{field}.images", item, old.images, new.images)
    found += _compared(f"{field}.descriptions", item, old.descriptions, new.descriptions)
    if old.emphasis != new.emphasis or not (found or is_told):
        found.append(FieldChange(f"{field}.html", "formatting", (), item))
    yield from found


def _edits(parts: Iterable[Part]) -> list[tuple[str, str]]:
    edits = [(part.kind, "".join(part.text.split())) for part in parts if part.kind != "same"]
    return [edit for edit in edits if edit[1]]
