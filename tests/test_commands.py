import json
import re
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from search.models import ShopAPIKey
from tests.builders import make_user, publish


def run(*arguments, **options):
    out = StringIO()
    call_command(*arguments, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def files(tmp_path):
    corpus, queries = tmp_path / "corpus.jsonl", tmp_path / "queries.jsonl"
    entries = [
        {"id": "ship", "question": "什么时候发货", "answer": "48 小时", "similar": ["几天能寄出"]},
        {"id": "invoice", "question": "怎么开发票", "answer": "在订单页"},
        {"id": "return", "question": "七天无理由退货", "answer": "可以"},
    ]
    asked = [
        {"id": "q1", "text": "几天能寄出", "gold": ["ship"]},
        {"id": "q2", "text": "发票怎么开", "gold": ["invoice"]},
        {"id": "q3", "text": "今天天气", "gold": []},
        {"id": "q4", "text": "什么时候发货", "gold": ["return"]},
    ]
    corpus.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in entries) + "\n\n", encoding="utf-8")
    queries.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in asked), encoding="utf-8")
    return corpus, queries


def test_evaluate_reports_every_system_and_leaves_out_what_has_no_answer(files):
    report = json.loads(run("evaluate", corpus=files[0], queries=files[1], json=True))
    assert set(report["systems"]) == {"dense", "lexical", "shipped"}
    assert set(report["systems"]["shipped"]) == {"r@1", "r@3", "r@10", "mrr@10", "ms"}
    assert report["systems"]["shipped"]["r@1"] == pytest.approx(2 / 3)
    assert report["decision"]["unanswerable"] == 1
    assert report["decision"]["wrong"] > 0


def test_evaluate_takes_the_answers_of_some_queries_away(files):
    report = json.loads(run("evaluate", corpus=files[0], queries=files[1], unanswerable=1.0, json=True))
    assert report["systems"]["shipped"]["r@1"] == pytest.approx(2 / 3)
    assert report["decision"]["unanswerable"] == 4
    assert set(report["coverage"]) == {"shipped", "cosine", "lexical"}
    assert set(report["coverage"]["cosine"]) == {"0.98", "0.95", "0.90"}
    assert set(report["asked_and_got"]) == {"0.02", "0.05", "0.10"}
    with pytest.raises(CommandError, match="a share"):
        run("evaluate", corpus=files[0], queries=files[1], unanswerable=30.0)


def test_evaluate_prints_a_table_for_people(files):
    table = run("evaluate", corpus=files[0], queries=files[1])
    assert "R@1" in table
    assert "shipped" in table


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not json", "corpus.jsonl:1: not JSON"),
        ('{"id": "a"}', "corpus.jsonl:1: “question” is missing"),
        ('{"id": 1, "question": "x"}', "“id” is missing, or not a str"),
        ('{"id": "a", "question": "x", "similar": "y"}', "similar must be a list of texts"),
        ("[]", "“id” is missing"),
        ("", "no entry with words in it"),
    ],
)
def test_evaluate_names_the_line_that_is_wrong(files, text, said):
    files[0].write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match=said):
        run("evaluate", corpus=files[0], queries=files[1])


def test_evaluate_says_which_file_is_missing(files, tmp_path):
    with pytest.raises(CommandError, match=r"nowhere\.jsonl"):
        run("evaluate", corpus=tmp_path / "nowhere.jsonl", queries=files[1])


def test_check_index_refuses_an_unknown_shop(db):
    with pytest.raises(CommandError, match="There is no shop “nowhere”"):
        run("check_index", shop="nowhere")


def test_check_index_as_json_tells_what_is_stale(shop):
    entry = publish(shop, "怎么开发票")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("check_index", json=True, stdout=out)
    found = json.loads(out.getvalue())[0]
    assert entry.key in found["write"]
    assert found["healthy"] is False


def test_rebuilding_twice_changes_nothing_the_second_time(shop):
    publish(shop, "怎么开发票")
    assert "3 written, 0 deleted, 1 encoded" in run("rebuild_index")
    assert "0 written, 0 deleted, 0 encoded" in run("rebuild_index")


def test_demo_accounts_are_made_once_and_keep_their_password(db):
    from search.management.commands.load_demo import make_accounts

    assert sorted(make_accounts()) == ["admin", "agent", "editor", "reviewer"]
    editor = get_user_model().objects.get(username="editor")
    editor.set_password("my-own")
    editor.save()
    assert make_accounts() == []
    assert get_user_model().objects.get(username="editor").check_password("my-own")


def test_a_new_key_is_shown_once_in_the_cms(client, shop):
    admin = make_user("root")
    admin.is_superuser = True
    admin.save()
    client.force_login(admin)
    data = {"name": "bot", "shop": shop.pk, "channel": "bot"}
    page = client.post("/cms/api_keys/new/", data, follow=True).content.decode()
    row = ShopAPIKey.objects.get()
    key = re.search(rf"{row.prefix}\.\w+", page).group()
    assert row.is_valid(key)
    assert key not in client.get("/cms/api_keys/").content.decode()
    client.force_login(make_user("eva", "Editor"))
    assert client.get("/cms/api_keys/").status_code == 302
