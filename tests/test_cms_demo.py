import re
from collections import Counter

import pytest
import yaml

from cms.content import rules_content
from cms.demo.loader import STORE, load_store
from cms.intents import URGENT, Intent
from cms.models import FAQ, Emotion, Fact, IntentRule, Pin, Product, Scene, Script, SynonymGroup
from search.engine.intents import IntentRule as Rule
from search.engine.intents import IntentRules
from search.engine.rendering import names


def read(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


FAQS = [(path.stem, item) for path in sorted((STORE / "faqs").glob("*.yaml")) for item in read(path)]
SCRIPTS = [(path.stem, item) for path in sorted((STORE / "scripts").glob("*.yaml")) for item in read(path)]
ORDER_NAMES = {"order.number", "order.tracking_number", "order.state"}


def folded(text):
    return re.sub(r"\W", "", text).casefold()


def test_the_store_is_as_large_as_promised():
    assert len(FAQS) >= 150
    assert len(SCRIPTS) >= 80
    assert sum("en" in item for _slug, item in FAQS) >= 40
    assert {scene for scene, _item in SCRIPTS} == set(Scene.values)


def test_every_faq_has_at_least_four_similar_questions():
    assert [item["key"] for _slug, item in FAQS if len(item["similar"]) < 4] == []


def test_no_phrase_stands_under_two_faqs():
    phrases = Counter(
        folded(text)
        for _slug, item in FAQS
        for part in (item, item.get("en"))
        if part
        for text in (part["question"], *part["similar"])
    )
    assert [text for text, times in phrases.items() if times > 1] == []


def test_keys_intents_and_emotions_are_known_and_unique():
    items = [item for _place, item in FAQS + SCRIPTS]
    assert [key for key, times in Counter(item["key"] for item in items).items() if times > 1] == []
    assert {item["intent"] for item in items} <= set(Intent.values)
    assert {item["emotion"] for _scene, item in SCRIPTS} <= set(Emotion.values)


def test_answers_name_only_facts_that_the_store_has():
    shop = read(STORE / "shop.yaml")
    products = read(STORE / "products.yaml")
    known = {f"fact.{fact['key']}" for fact in shop["facts"]} | ORDER_NAMES | {"product.name"}
    known |= {f"product.{fact['key']}" for product in products for fact in product["facts"]}
    used = {name for path in STORE.rglob("*.yaml") for name in names(path.read_text(encoding="utf-8"))}
    assert used <= known


def test_every_faq_has_an_answer_that_needs_no_product():
    needy = [
        item["key"]
        for _slug, item in FAQS
        if all("product." in " ".join(names(row["text"] + "".join(row.get("steps", [])))) for row in item["answers"])
    ]
    assert needy == []


LOADED = (FAQ, Script, Product, Fact, SynonymGroup, Pin, IntentRule)
RULES = IntentRules(
    Rule(row["intent"], tuple(row["keywords"]), tuple(row["examples"]), row.get("urgent", False))
    for row in sorted(read(STORE / "rules.yaml")["intents"], key=lambda row: row["order"])
)


@pytest.mark.parametrize(
    "query",
    ["退款多久到账", "退款什么时候到", "怎么申请退款", "能退款吗", "杯子会漏电吗", "人工客服几点上班", "会拉肚子吗"],
)
def test_who_only_asks_is_not_urgent_by_rule(query):
    assert RULES.of(query) is None


@pytest.mark.parametrize(
    ("query", "intent"),
    [
        ("我要退款！！", "aftersale.refund"),
        ("赶紧退钱", "aftersale.refund"),
        ("再不处理我打12315", "complaint.service"),
        ("榨汁杯冒烟了", "aftersale.quality"),
        ("转人工", "service.human"),
    ],
)
def test_who_demands_something_is_heard(query, intent):
    assert RULES.of(query).intent == intent


def test_no_rule_makes_a_question_urgent_that_its_entry_does_not():
    wrong = [
        text
        for _slug, item in FAQS
        for text in (item["question"], *item["similar"])
        if (rule := RULES.of(text)) and rule.urgent and item["intent"] not in URGENT
    ]
    assert wrong == []


@pytest.mark.slow
@pytest.mark.django_db
def test_the_rules_of_the_store_would_pass_an_editors_form():
    shop = load_store().shop
    for model in (SynonymGroup, Pin, IntentRule):
        for rule in model.objects.all():
            rule.full_clean()
    assert all(rules_content(shop)[part] for part in ("synonyms", "pins", "intents"))


@pytest.mark.slow
@pytest.mark.django_db
def test_loading_twice_changes_nothing():
    first = load_store()
    counts = [model.objects.count() for model in LOADED]
    edited = FAQ.objects.first()
    FAQ.objects.filter(pk=edited.pk).update(title="编辑改过的标题")
    second = load_store()
    assert first.anything
    assert not second.anything
    assert [model.objects.count() for model in LOADED] == counts
    assert FAQ.objects.get(pk=edited.pk).title == "编辑改过的标题"
    assert counts[0] == first.faqs + first.translations
    assert first.products == 12
