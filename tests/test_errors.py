import pytest

import barnspider
from barnspider import errors
from barnspider.errors import BarnspiderError, InputError, listing, pick


def test_all_errors_have_one_root():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(kinds) == 5
    for kind in kinds:
        assert issubclass(kind, BarnspiderError)
        assert getattr(barnspider, kind.__name__) is kind
        assert kind.__name__ in (errors.__doc__ or "")


def test_pick_says_what_would_have_been_right():
    assert pick("vary", "crop", ["crop", "flip"]) == "crop"
    with pytest.raises(
        InputError, match=r"^vary='corp' is unknown; expected one of: crop, flip\. Did you mean 'crop'\?$"
    ):
        pick("vary", "corp", ["crop", "flip"])
    with pytest.raises(InputError, match=r"^vary='zzz' is unknown; expected one of: crop, flip\.$"):
        pick("vary", "zzz", ["crop", "flip"])


def test_pick_takes_an_iterator():
    assert pick("vary", "b", iter("abc")) == "b"
    with pytest.raises(InputError, match="expected one of: a, b, c"):
        pick("vary", "d", iter("abc"))


@pytest.mark.parametrize(
    ("items", "most", "text"),
    [([], 3, ""), ("a", 3, "a"), ("abc", 3, "a, b, c"), (iter("abcd"), 3, "a, b, c and 1 more")],
)
def test_listing_says_how_many_were_left_out(items, most, text):
    assert listing(items, most=most) == text
