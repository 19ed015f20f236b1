"""A person looks at what decoded data takes on the disk, and makes room."""

import json

import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.setenv("BARNSPIDER_CACHE", str(tmp_path / "cache"))
    for i in range(60):
        file = tmp_path / "photos" / ("cat", "dog")[i % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (16, 16), i).save(file)
    return tmp_path / "photos"


def test_decoded_sets_are_listed_and_removed(barnspider, photos):
    assert "0 entries, 0 bytes, in " in barnspider("cache").stdout
    barnspider("doctor", f"{photos}?size=16")
    barnspider("doctor", f"{photos}?size=8")
    listed = barnspider("cache")
    assert f"{photos} at 16x16" in listed.stdout
    assert "2 entries" in listed.stdout
    assert listed.stderr == ""
    [small] = [e["name"] for e in json.loads(barnspider("cache", "--json").stdout)["entries"] if "8x8" in e["source"]]
    done = barnspider("cache", "--remove", small, "--older-than", "30d")
    assert done.stderr.startswith(f"removed {small} (")
    assert "1 entry" in done.stdout
    assert json.loads(barnspider("cache", "--to", "0B", "--json").stdout)["entries"] == []
    assert len(list(photos.rglob("*.png"))) == 60


def test_mistakes_are_named(barnspider, photos):
    assert "expected a time such as 12h, 30d or 8w" in barnspider("cache", "--older-than", "30", check=2).stderr
    assert "remove='x' is not in the cache; it has nothing" in barnspider("cache", "--remove", "x", check=2).stderr
