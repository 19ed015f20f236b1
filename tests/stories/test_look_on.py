"""Somebody looks on while a study is trained."""

import json


def test_status_of_a_study_that_was_trained(barnspider, small_store):
    said = barnspider("status", small_store).stdout
    assert "runs       9: 9 done" in said
    assert "rotation=180: average " in said
    document = json.loads(barnspider("status", small_store, "--json", "--watch").stdout)
    assert [study["done"] for study in document["studies"]] == [9]


def test_status_of_what_is_no_store(barnspider, tmp_path):
    assert "is no store" in barnspider("status", tmp_path, check=2).stderr


def test_status_of_a_store_without_studies(barnspider, tmp_path):
    (tmp_path / "barnspider.json").write_text('{"format": 1}')
    assert "holds no study yet" in barnspider("status", tmp_path, check=2).stderr
