import pytest
import torch

from barnspider.lab.drops import dropout, skip
from barnspider.lab.random import uniforms

DRAWS = torch.from_numpy(uniforms(0, "dropout", 0, 2000, 2))


@pytest.mark.parametrize("dose", [0.1, 0.5, 0.95])
def test_as_many_are_left_out_as_the_dose_says_and_the_mean_stays(dose):
    units, branches = dropout(torch.ones(2000, 64), dose, DRAWS), skip(torch.ones(2000, 2, 1, 1), dose, DRAWS, 2, 2)
    assert float((units == 0).float().mean()) == pytest.approx(dose, abs=0.01)
    assert float((branches == 0).float().mean()) == pytest.approx(dose, abs=0.03)
    assert float(units.mean()) == pytest.approx(1, abs=0.05)


def test_earlier_branches_are_left_out_less():
    first = skip(torch.ones(2000, 1, 1, 1), 0.8, DRAWS, 1, 2)
    assert float((first == 0).float().mean()) == pytest.approx(0.4, abs=0.03)


def test_what_is_left_out_at_a_dose_is_left_out_at_a_larger_one():
    few, many = (dropout(torch.ones(2000, 64), dose, DRAWS) == 0 for dose in (0.2, 0.6))
    assert (many | ~few).all()


def test_layers_leave_out_different_units():
    first, second = (dropout(torch.ones(2000, 64), 0.5, DRAWS, layer) == 0 for layer in (0, 1))
    assert float((first == second).float().mean()) == pytest.approx(0.5, abs=0.01)


def test_a_whole_branch_is_left_out_for_an_image():
    out = skip(torch.ones(2000, 3, 4, 4), 0.5, DRAWS, 2, 2)
    assert set(out.flatten(1).mean(1).tolist()) == {0.0, 2.0}


def test_without_draws_nothing_is_left_out():
    hidden = torch.ones(3, 4)
    assert dropout(hidden, 0.5, None) is hidden
    assert skip(hidden, 0.5, None, 1, 2) is hidden
