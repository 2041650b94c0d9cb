"""Reads a whole file before anything of it is used: what is found wrong here is refused, and nothing was written."""

import re
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, time
from pathlib import Path
from uuid import UUID

from django.core.exceptions import ValidationError

from cms.content import FACTS, KINDS, RULES, SETTINGS, Content, is_entry_key
from cms.exchange.exporting import CATEGORY, ITEM, REPORT, RULE, SHOP_SETTINGS
from cms.exchange.files import HEADER, BadFile, Line, read
from cms.exchange.pictures import FOLDERS, MISSING, PICTURE, check_picture
from cms.exchange.remaking import check_entry, facts_of, products_of, rules_of
from cms.models import Category, Fact, Product, Shop
from cms.releases import ledger

_ENTRY_KEY = re.compile(rf"({'|'.join(KINDS)}):[1-9][0-9]{{0,17}}")
_NUMBER = re.compile(r"[0-9]{4}-W[0-9]{2}(\.[0-9]{1,6})?")
SHOP_FIELDS = ("name", "name_en", "cut_time", "wrong_rate", *SHOP_SETTINGS)
Visit = Callable[[Line], None]


@dataclass
class Checked:
    """A file that is whole: what it holds, but for the texts themselves."""

    path: Path
    header: Line = field(default_factory=dict)
    hashes: ledger.Hashes = field(default_factory=dict)
    groups: dict[tuple[UUID, str], str] = field(default_factory=dict)
    """A translation group and a language -> the entry."""
    settings: Content = field(default_factory=dict)
    categories: set[str] = field(default_factory=set)
    """Those that entries are in, and that the file has not told of."""
    pictures: dict[str, str] = field(default_factory=dict)
    """Where a file belongs -> its checksum."""
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def number(self) -> str:
        return str(self.header["release"]["number"])

    @property
    def entries(self) -> list[str]:
        return [key for key in self.hashes if is_entry_key(key)]

    def lines(self, kind: str) -> "list[Line] | filter[Line]":
        return filter(lambda line: line["line"] == kind, read(self.path))


def check(path: Path, *, also: Collection[str] = (), visit: Visit | None = None) -> Checked:
    """Raises BadFile with a sentence for the first thing that is wrong. `also`: kinds of lines that are not ours;
    `visit` is shown every line, and may raise BadFile too."""
    checked = Checked(path)
    for number, line in enumerate(read(path), 1):
        try:
            _look_at(checked, line, also)
            if visit:
                visit(line)
        except ValidationError as exc:
            raise BadFile(f"Line {number}{_named(line)}: {' '.join(exc.messages)}") from exc
        except (KeyError, TypeError, AttributeError, IndexError, ArithmeticError) as exc:
            raise BadFile(f"Line {number}{_named(line)} does not hold what it should: {exc!r}.") from exc
        except ValueError as exc:
            raise exc if isinstance(exc, BadFile) else BadFile(f"Line {number}{_named(line)}: {exc}.") from exc
    _check_whole(checked)
    return checked


def _named(line: Line) -> str:
    return f" ({line['key']})" if "key" in line else ""


def _look_at(checked: Checked, line: Line, also: Collection[str]) -> None:
    kind = line["line"]
    checked.counts[kind] += 1
    if kind not in _LOOKS and kind not in also:
        raise BadFile(f"The file has lines of a kind that this version of Zhida does not know: “{kind}”.")
    if kind in _LOOKS:
        _LOOKS[kind](checked, line)


def _header(checked: Checked, line: Line) -> None:
    release, shop = line["release"], line["shop"]
    if checked.header or not _NUMBER.fullmatch(release["number"]):
        raise BadFile("The header is not one of an exported release.")
    datetime.fromisoformat(release["made_at"])
    shop_of(line, shop["slug"]).clean_fields()
    if not all(isinstance(release[name], str) for name in ("digest", "notes", "override_reason", "made_by")):
        raise BadFile("The header is not one of an exported release.")
    checked.header = line


def shop_of(header: Line, slug: str, settings: Content | None = None) -> Shop:
    """Not saved."""
    row = header["shop"]
    shop = Shop(slug=slug, cut_time=time.fromisoformat(row["cut_time"]))
    for name in ("name", "name_en", *SHOP_SETTINGS):
        setattr(shop, name, row[name])
    # What decides about answers is a content of the release.
    shop.wrong_rate = (settings or {}).get("wrong_rate", shop.wrong_rate)
    return shop


def _report(checked: Checked, line: Line) -> None:
    if ledger.content_hash(line["content"]) != line["hash"]:
        raise BadFile("The report of the gate is not what its hash says.")


def _item(checked: Checked, line: Line) -> None:
    key, content = line["key"], line["content"]
    if ledger.content_hash(content) != line["hash"]:
        raise BadFile(f"{key} is not what its hash says.")
    if key in checked.hashes:
        raise BadFile(f"{key} stands twice in the file.")
    checked.hashes[key] = line["hash"]
    if is_entry_key(key):
        _check_entry(checked, key, content)
    else:
        _check_single(checked, key, content)


def _check_entry(checked: Checked, key: str, content: Content) -> None:
    if not _ENTRY_KEY.fullmatch(key) or content["kind"] != key.partition(":")[0]:
        raise BadFile(f"{key} is no number of an entry.")
    check_entry(key, content)
    place = UUID(content["group"]), content["locale"]
    if place in checked.groups:
        raise BadFile(f"{key} and {checked.groups[place]} are the same entry in the same language.")
    checked.groups[place] = key
    checked.categories.add(content["category"])


def _check_single(checked: Checked, key: str, content: Content) -> None:
    """What else a shop may have one of in another version is kept as it is."""
    shop = Shop(slug="checked")
    if key == FACTS:
        products = {product.key: product for product in products_of(content, shop)}
        rows: list[Product | Fact] = [*products.values(), *facts_of(content, shop, products)]
        for row in rows:
            row.clean_fields(exclude=["shop", "product"])
    elif key == RULES:
        held = {pin["entry"] for pin in content["pins"]}
        for rule in rules_of(content, shop, held, {}):
            rule.clean_fields(exclude=["shop", "faq", "script"])
    elif key == SETTINGS:
        checked.settings = content
        shop_of(checked.header, "checked", content).clean_fields()


def _category(checked: Checked, line: Line) -> None:
    category_of(line, Shop()).clean_fields(exclude=["shop"])
    # Entries come before their categories.
    checked.categories.discard(line["slug"])


def category_of(line: Line, shop: Shop) -> Category:
    return Category(shop=shop, **{name: line[name] for name in ("slug", "name", "name_en", "sort_order")})


def _rule(checked: Checked, line: Line) -> None:
    UUID(line["uid"])
    if not isinstance(line["place"], int) or not isinstance(line["sort_order"], int):
        raise BadFile("A rule has no place.")


def _picture(checked: Checked, line: Line) -> None:
    check_picture(line)
    checked.pictures |= {line[part]["path"]: line[part]["sha256"] for part in FOLDERS}


def _missing(checked: Checked, line: Line) -> None:
    """Nothing to look at: it is counted."""


_LOOKS: dict[str, Callable[[Checked, Line], None]] = {
    HEADER: _header,
    REPORT: _report,
    ITEM: _item,
    CATEGORY: _category,
    RULE: _rule,
    PICTURE: _picture,
    MISSING: _missing,
}


def _check_whole(checked: Checked) -> None:
    if not checked.header:
        raise BadFile("The file is empty.")
    if ledger.digest(checked.hashes) != checked.header["release"]["digest"]:
        raise BadFile("The contents in the file are not those of the release that it names.")
    if checked.categories:
        raise BadFile(f"The category {min(checked.categories)} of an entry is not in the file.")
