"""Modular tables against arithmetic in Python's integers."""

import pytest
import torch

from agop_dnc.data.modular import OPERATIONS, modular_table

PYTHON = {
    "add": lambda a, b, p: (a + b) % p,
    "subtract": lambda a, b, p: (a - b) % p,
    "multiply": lambda a, b, p: a * b % p,
    "divide": lambda a, b, p: a * pow(b, -1, p) % p,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("p", [2, 7, 61])
def test_results_are_those_of_integers(operation, p):
    table = modular_table(operation, p, seed=0)
    pairs = [(a, b) for a in range(p) for b in range(operation == "divide", p)]
    assert list(zip(table.a.tolist(), table.b.tolist(), strict=True)) == pairs
    assert table.y.tolist() == [PYTHON[operation](a, b, p) for a, b in pairs]


def test_inputs_are_two_one_hot_codes_and_targets_one():
    table = modular_table("add", 5, seed=0)
    assert table.X.shape == (25, 10)
    assert torch.equal(table.X[:, :5].argmax(1), table.a)
    assert torch.equal(table.X[:, 5:].argmax(1), table.b)
    assert torch.equal(table.Y.argmax(1), table.y)
    assert table.X.sum() == 50
    assert table.Y.sum() == 25


@pytest.mark.parametrize("operation", OPERATIONS)
def test_half_of_all_pairs_are_for_training(operation):
    table, again, other = (modular_table(operation, 7, seed) for seed in (0, 0, 1))
    assert len(table.train) == len(table.y) // 2
    assert torch.equal(torch.cat([table.train, table.test]).sort().values, torch.arange(len(table.y)))
    assert torch.equal(table.train, again.train)
    assert not torch.equal(table.train, other.train)
    assert len(modular_table(operation, 7, 0, train_fraction=0.25).train) == len(table.y) // 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ad", 7, 0), r"no operation 'ad'; did you mean 'add'\?"),
        (("divide", 9, 0), "p is 9; it must be a prime"),
        (("add", 1, 0), "p is 1; it must be at least 2"),
        (("add", 7, 0, 1.0), "train_fraction is 1.0; it must be between 0 and 1"),
    ],
)
def test_tables_that_do_not_exist_get_a_sentence(arguments, message):
    with pytest.raises(ValueError, match=message):
        modular_table(*arguments)


def test_composite_moduli_can_be_multiplied():
    table = modular_table("multiply", 6, 0)
    assert table.y[(table.a == 2) & (table.b == 3)].tolist() == [0]
