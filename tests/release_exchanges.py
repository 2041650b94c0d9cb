"""A shop with one of everything, its release in a file, and an installation that has never seen it."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.core.files.images import ImageFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from PIL import Image as Drawing
from wagtail.images.models import Image
from wagtail.models import Locale

from cms.exchange.remaking import ANSWERS
from cms.models import FAQ, Fact, Pin, Policy, Product, Script, Shop, SynonymGroup
from cms.releases import ledger
from search import snapshots
from search.answering import Question, answer
from search.api.answers import as_json
from search.models import StoredVector
from tests.builders import draft, intent_rule, pin, publish, publish_script, synonyms

NOON = datetime(2026, 11, 20, 4, tzinfo=UTC)
QUERIES = [
    "什么时候发货",
    "啥时候能寄出来",
    "怎么开发票",
    "fapiao",
    "invoice",
    "开票",
    "When is it shipped",
    "太慢了",
    "退货",
]
QUERIES += ["保质期到什么时候", "几步退货", "转人工", "我要退款", "？？", "面霜", "安抚一下", "发货时限", "有教程吗"]
QUESTIONS = [Question(query, channel, product_id="P1") for query in QUERIES for channel in ("bot", "agent", "widget")]


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def picture(name="photo.png"):
    data = io.BytesIO()
    Drawing.new("RGB", (8, 6), "teal").save(data, "PNG")
    data.seek(0)
    return Image.objects.create(title="内部名称", file=ImageFile(data, name=name))


def body(entry, *blocks, **fields):
    """Publishes the entry with these blocks as its answer."""
    raw = [{"type": kind, "value": value} for kind, value in blocks]
    entry.answers.set([ANSWERS[type(entry)](body=raw, **fields)])
    entry.save_revision().publish()


@pytest.fixture
def filled(shop, live):
    """A shop with one of everything, released, and with drafts and changes that are not."""
    shop.categories.update(name="常见问题", name_en="General", sort_order=3)
    live(fill, shop)
    return shop


def fill(shop):
    product = Product.objects.create(shop=shop, key="P1", name="面霜", name_en="Cream", price="89.00", summary="润")
    shop.facts.create(
        key="ship_within", kind="duration", value="48", unit="小时", label="发货时限", value_en="48 hours"
    )
    shop.facts.create(key="ship_within", value="24", label="发货时限", valid_from="2027-01-01", valid_to="2027-02-01")
    shop.facts.create(product=product, key="best_before", kind="date", value="2029-05-31", label="限用日期")
    shipped = publish(
        shop, "什么时候发货", "啥时候能寄出来", negative="什么时候到货\n发货地在哪", answer="{{ fact.ship_within }}内"
    )
    english = shipped.copy_for_translation(Locale.objects.get(language_code="en"))
    english.title, english.similar = "When is it shipped?", "shipping time"
    english.save()
    body(english, ("paragraph", "<p>Within {{ fact.ship_within }}</p>"))
    rich = publish(
        shop, "几步退货", valid_from=datetime(2026, 1, 1, tzinfo=UTC), valid_to=datetime(2030, 1, 1, tzinfo=UTC)
    )
    source = '<p data-block-key="a">先<b>申请</b>，<br/>再看<a href="https://x.example/?a=1&amp;b=2">这里</a></p><ul><li>快</li></ul>'
    body(
        rich,
        ("paragraph", source),
        ("steps", ["点“退货”", "寄回 <b>商品</b>"]),
        ("link", {"label": "教程", "url": "https://x.example/how"}),
        ("image", {"image": picture().pk, "alt_text": "流程图", "decorative": False}),
    )
    body(publish(shop, "有教程吗"), ("paragraph", "<p>有的。</p>"), text="  有，见客服消息。 ")
    two = [{"answer": "{{ product.best_before }}前"}, {"answer": "看瓶底", "channel": "agent"}]
    publish(shop, "保质期到什么时候", intent="presale.product", answers=two)
    publish_script(
        shop, "太慢了", answer="非常抱歉，{{ order.number }}我马上查", scene="soothing", emotion="angry", mode="both"
    )
    invoice = publish(shop, "怎么开发票", mode="bot", answer="在订单里")
    synonyms(shop, "发票", "fapiao", "invoice")
    synonyms(shop, "顺丰", "SF快递", direction="one_way")
    pin(invoice, "开票", starts=datetime(2026, 1, 1, tzinfo=UTC))
    pin(rich, "包邮", action="never", match="contains")
    intent_rule(shop, "aftersale.refund", "退款", urgent=True, sort_order=7)
    intent_rule(shop, "service.human", "转人工", examples=("我要找客服",), sort_order=30)


SECRETS = ["绝密草稿", "没发布的改动", "还在等的", "待定类目", "停用词"]


def add_secrets(shop, live):
    draft(shop, "绝密草稿")
    entry = FAQ.objects.get(title="怎么开发票")
    entry.title = "没发布的改动"
    entry.save_revision()
    Shop.objects.filter(pk=shop.pk).update(release_policy=Policy.GATED)
    live(publish, shop, "还在等的")
    live(shop.facts.filter(key="best_before").first().delete)
    live(Fact.objects.create, shop=shop, key="later", value="还在等的", label="还在等的")
    shop.categories.create(slug="later", name="待定类目")
    SynonymGroup.objects.create(shop=shop, terms="停用词\n禁用词", active=False)


def answers(shop, release=None):
    """What is answered to everything, as the API says it."""
    release = release or ledger.live_release(shop)
    snapshots.forget_snapshots()
    picture = snapshots.build(shop.pk, release.ordinal, release.number, NOON)
    found = (answer(picture, replace(question, explain=True), NOON) for question in QUESTIONS)
    shown = [as_json(replace(one, took_ms=0.0), query_id=None) for one in found]
    return [json.dumps(one, ensure_ascii=False, default=str) for one in shown]


def wipe(*, media=True):
    """As in an installation that has never seen a shop; what models refuse to delete goes by hand."""
    tables = ("cms_golive", "cms_pendingchange", "cms_cut", "cms_releaseitem", "cms_release", "cms_storedcontent")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608
    for model in (Pin, FAQ, Script, Shop, StoredVector, Image):
        model.objects.all().delete()
    count_from_one(FAQ, Script)
    if media:
        for folder in ("images", "original_images"):
            for name in default_storage.listdir(folder)[1] if default_storage.exists(folder) else ():
                default_storage.delete(f"{folder}/{name}")


def count_from_one(*models):
    with connection.cursor() as cursor:
        for model in models:
            if connection.vendor == "postgresql":
                cursor.execute(f"ALTER SEQUENCE {model._meta.db_table}_id_seq RESTART")
            else:
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])


def state():
    """How many rows there are of everything."""
    return {model.__name__: model._base_manager.count() for model in apps.get_models()}


def export(path, *arguments, **options):
    call_command("export_release", *arguments, output=str(path), stdout=io.StringIO(), **options)
    return path


def imported(path, *arguments, **options):
    out = io.StringIO()
    call_command("import_release", str(path), *arguments, yes=True, stdout=out, stderr=out, **options)
    return out.getvalue()


@pytest.fixture
def path(filled, tmp_path):
    return export(tmp_path / "release.jsonl")


def stored_files():
    return {path.relative_to(default_storage.location): path.read_bytes() for path in media_files()}


def media_files():
    return [path for path in Path(default_storage.location).rglob("*") if path.is_file()]
