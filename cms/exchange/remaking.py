"""From contents back to what editors own: what is made here gives the very same content again.

Nothing is saved here. Whoever wrote the file is not trusted: markup that no answer may have is refused.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from cms.content import KINDS, Content, sanitise
from cms.exchange.files import BadFile
from cms.models import (
    FAQ,
    Action,
    Direction,
    Entry,
    Fact,
    FactKind,
    FAQAnswer,
    IntentRule,
    Match,
    Pin,
    Product,
    Script,
    ScriptAnswer,
    Shop,
    SynonymGroup,
)

ANSWERS: dict[type[Entry], Any] = {FAQ: FAQAnswer, Script: ScriptAnswer}
Picture = Callable[[str], int | None]
"""The image here for an address in an answer; None where its file is not there."""
Place = tuple[str, int]
"""Part of the rules, and which one in it."""


def entry_of(key: str, content: Content, picture: Picture) -> Entry:
    """Live, with its answers; shop, category and language are left to the caller."""
    kind, _colon, number = key.partition(":")
    model = KINDS[kind]
    entry = model(
        pk=int(number),
        translation_key=UUID(content["group"]),
        similar="\n".join(content["similar"]),
        negative="\n".join(content["negative"]),
        valid_from=_moment(content["valid_from"]),
        valid_to=_moment(content["valid_to"]),
        live=True,
        has_unpublished_changes=False,
        **{name: content[name] for name in ("title", "intent", "mode")},
        **({name: content[name] for name in ("scene", "emotion")} if model is Script else {}),
    )
    answers = [_answer(ANSWERS[model], answer, picture) for answer in content["answers"]]
    for place, answer in enumerate(answers):
        answer.sort_order = place
    entry.answers.set(answers)
    return entry


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _answer(model: type[Any], content: Content, picture: Picture) -> Any:
    blocks = [made for block in content["blocks"] if (made := _block(block, picture))]
    answer = model(channel=content["channel"], body=blocks)
    if answer.as_text != content["text"]:
        answer.text = content["text"]
    return answer


def _block(block: Content, picture: Picture) -> Content | None:
    if block["type"] == "paragraph":
        # A plain text is made from the answer's source, in which a line break is written like this.
        return {"type": "paragraph", "value": block["html"].replace("<br>", "<br/>")}
    if block["type"] == "steps":
        return {"type": "steps", "value": list(block["steps"])}
    if block["type"] == "link":
        return {"type": "link", "value": {"label": block["label"], "url": block["url"]}}
    image, alt = picture(block["url"]), block["alt"]
    return {"type": "image", "value": {"image": image, "alt_text": alt, "decorative": not alt}} if image else None


def check_entry(key: str, content: Content) -> None:
    """Raises BadFile for markup and addresses that an answer may not have, and ValidationError for wrong values."""
    for answer in content["answers"]:
        blocks = answer["blocks"]
        markup = [answer["html"], *(block["html"] for block in blocks if block["type"] == "paragraph")]
        if any(sanitise(html).strip() != html.strip() for html in markup):
            raise BadFile(f"{key}: an answer holds markup that no answer may have.")
        urls = [block["url"] for block in blocks if block["type"] in ("link", "image")]
        if any(urlsplit(url).scheme not in ("http", "https", "ftp", "ftps") for url in urls):
            raise BadFile(f"{key}: an answer leads to an address that no answer may have.")
    entry = entry_of(key, content, lambda url: None)
    entry.clean_fields(exclude=["shop", "category", "locale"])
    for answer in entry.answers.all():
        answer.clean_fields(exclude=["entry", "body"])


def products_of(content: Content, shop: Shop) -> list[Product]:
    return [_product(key, row, shop) for key, row in content["products"].items()]


def _product(key: str, row: Content, shop: Shop) -> Product:
    price = Decimal(row["price"]) if row.get("price") else None
    texts = {name: row.get(name, "") for name in ("name", "name_en", "summary", "summary_en")}
    return Product(shop=shop, key=key, price=price, **texts)


def facts_of(content: Content, shop: Shop, products: Mapping[str, Product]) -> list[Fact]:
    return [_fact(row, shop, products) for row in content["facts"]]


def _fact(row: Content, shop: Shop, products: Mapping[str, Product]) -> Fact:
    unit = row.get("unit", "")
    return Fact(
        shop=shop,
        product=products[row["product"]] if row["product"] else None,
        # The first releases did not say of what kind a fact is.
        kind=row.get("kind", FactKind.TEXT),
        value=row["value"].removesuffix(f" {unit}") if unit else row["value"],
        unit=unit,
        valid_from=_day(row["valid_from"]),
        valid_to=_day(row["valid_to"]),
        **{name: row[name] for name in ("key", "label", "value_en")},
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def rules_of(content: Content, shop: Shop, held: Collection[str], known: Mapping[Place, Content]) -> list[Any]:
    """Without the pins of entries that are not `held`: there is nothing to pin. `known`: what the file says of a rule
    beside its content."""
    makers: dict[str, Callable[[Content], Any]] = {"synonyms": _synonyms, "pins": _pin, "intents": _intent_rule}
    rules = []
    for part, make in makers.items():
        for place, row in enumerate(content[part]):
            if part != "pins" or row["entry"] in held:
                rule, beside = make(row), known.get((part, place))
                rule.shop = shop
                rule.uid = UUID(beside["uid"]) if beside else rule.uid
                rules.append(rule)
    _set_order([rule for rule in rules if isinstance(rule, IntentRule)], known)
    return rules


def _set_order(rules: list[IntentRule], known: Mapping[Place, Content]) -> None:
    """Their own numbers, where these keep them in the order of the release."""
    orders = [known.get(("intents", place), {}).get("sort_order", -1) for place in range(len(rules))]
    if -1 in orders or orders != sorted(orders):
        orders = [10 * (place + 1) for place in range(len(rules))]
    for rule, order in zip(rules, orders, strict=True):
        rule.sort_order = order


def _synonyms(row: Content) -> SynonymGroup:
    direction = Direction.ONE_WAY if row["one_way"] else Direction.TWO_WAY
    return SynonymGroup(terms="\n".join(row["terms"]), direction=direction)


def _pin(row: Content) -> Pin:
    kind, _colon, number = row["entry"].partition(":")
    return Pin(
        queries="\n".join(row["queries"]),
        action=Action.NEVER if row["never"] else Action.FIRST,
        match=Match.CONTAINS if row["contains"] else Match.EXACT,
        starts=_moment(row["starts"]),
        ends=_moment(row["ends"]),
        **{f"{kind}_id": int(number)},
    )


def _intent_rule(row: Content) -> IntentRule:
    lines = {name: "\n".join(row[name]) for name in ("keywords", "examples")}
    return IntentRule(intent=row["intent"], urgent=row["urgent"], **lines)
