import pytest

from search.sync import sync
from tests.builders import publish

URL = "/api/v1/suggest"


@pytest.fixture
def store(shop):
    publish(shop, "怎么退款", "退款多久到账", answer="三天内到账。")
    sync(shop)
    return shop


@pytest.mark.parametrize(
    ("query", "emotion"),
    [("怎么还不退款！！", "angry"), ("麻烦快点，明天要用", "anxious"), ("退款多久到账", "neutral")],
)
def test_the_customers_emotion_comes_with_every_answer(api, store, query, emotion):
    posted = api.post(URL, {"query": query, "shop": "demo"}, format="json").json()
    assert posted["emotion"] == emotion
    assert api.get(URL, {"q": query, "shop": "demo"}).json()["emotion"] == emotion


def test_an_emotion_is_read_where_nothing_is_found(api, store):
    body = api.post(URL, {"query": "😡😡😡", "shop": "demo"}, format="json").json()
    assert (body["reason"], body["emotion"]) == ("no_words", "angry")


def test_the_schema_names_the_emotions(api, db):
    schemas = api.get("/api/v1/schema", {"format": "json"}).json()["components"]["schemas"]
    field = schemas["SuggestOut"]["properties"]["emotion"]
    assert schemas[field["$ref"].rsplit("/", 1)[-1]]["enum"] == ["angry", "anxious", "neutral", "pleased"]
