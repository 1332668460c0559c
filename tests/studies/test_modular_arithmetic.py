"""Modular arithmetic: circulant features, the rows, and the claims."""

import pandas as pd
import pytest
import torch

from agop_dnc.data.modular import modular_table
from agop_dnc.errors import UserError
from agop_dnc.studies import judging
from agop_dnc.studies.judging import NOT_REPRODUCED, NOT_TESTED, REPRODUCED, Context
from agop_dnc.studies.modular_arithmetic import claims, features, rows, study

SETTINGS = {"ridge": 1e-8, "bandwidth": 2.5, "iterations": 3}
OPERATIONS = ["add", "subtract", "multiply", "divide"]


@pytest.mark.parametrize("p", [3, 7, 13, 61])
def test_powers_of_a_primitive_root_are_all_numbers_but_0(p):
    assert sorted(features.order("divide", p).tolist()) == list(range(1, p))


def test_the_deviation_is_the_variance_within_wrapped_diagonals():
    C = torch.randn(7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for of_differences, sign in ((True, -1), (False, 1)):
        within = 0.0
        for k in range(7):
            diagonal = torch.stack([C[b, a] for b in range(7) for a in range(7) if (b + sign * a) % 7 == k])
            within += float((diagonal - diagonal.mean()).square().sum())
        expected = within / float(C.square().sum())
        assert features.circulant_deviation(C, of_differences) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_random_circulant_features_are_circulant_and_positive_semi_definite(operation):
    M = features.random_circulant_metric(operation, 13, 0)
    assert torch.equal(M, M.T)
    assert float(torch.linalg.eigvalsh(M).min()) > -1e-12 * float(M.abs().max())
    C = features.off_diagonal_block(M, operation)
    assert features.circulant_deviation(C, features.OF_DIFFERENCES[operation]) < 1e-24
    # For the other direction they are as far from circulant as random entries, 1 − 1/12 or so.
    assert features.circulant_deviation(C, not features.OF_DIFFERENCES[operation]) > 0.5


@pytest.mark.parametrize("operation", OPERATIONS)
def test_random_circulant_features_let_a_plain_kernel_generalise(operation):
    table = modular_table(operation, 61, 0)
    found = pd.DataFrame(rows.random_circulant_rows(table, "quadratic", 0, SETTINGS, torch.device("cpu")))
    accuracy = found.set_index("metric").value
    plain = pd.DataFrame(rows.rfm_rows(table, "quadratic", SETTINGS | {"iterations": 0}, torch.device("cpu"), []))
    guessing = 1 / 61
    assert accuracy["train_accuracy"] == 1
    assert accuracy["test_accuracy"] > 10 * guessing > 3 * guessing > plain.set_index("metric").value["test_accuracy"]


def test_re_ordering_by_logarithms_makes_multiplication_addition():
    p = 13
    numbers = features.order("multiply", p)
    logarithm = {int(number): k for k, number in enumerate(numbers)}
    for a in range(1, p):
        for b in range(1, p):
            assert (logarithm[a] + logarithm[b]) % (p - 1) == logarithm[a * b % p]


def test_rows_say_what_happened_at_every_iteration():
    kept = []
    table = modular_table("add", 7, 0)
    found = pd.DataFrame(rows.rfm_rows(table, "gaussian", SETTINGS, torch.device("cpu"), kept))
    counts = found.groupby("metric").iteration.apply(list)
    assert counts["train_accuracy"] == counts["test_accuracy"] == counts["alignment"] == [0, 1, 2, 3]
    assert counts["circulant_deviation"] == counts["circulant_deviation_root"] == [1, 2, 3]
    assert found[(found.metric == "alignment") & (found.iteration == 3)].value.item() == pytest.approx(1)
    assert len(kept) == 4


def curves(early=0.0, late=1.0, train=1.0, deviations=(0.9, 0.2, 0.02), alignments=(0.5, 0.7), last=20):
    """A table whose accuracy jumps at iteration 12."""
    found = []
    for seed in range(3):
        for t in range(last + 1):
            values = {"train_accuracy": train, "test_accuracy": early if t < 12 else late}
            if t:
                values["circulant_deviation"] = deviations[0 if t < 8 else 1 if t < last else 2]
            values["alignment"] = alignments[int(t >= 8)]
            found += [(61, "add", "quadratic", seed, "rfm", t, metric, value) for metric, value in values.items()]
    columns = ["p", "operation", "kernel", "seed", "model", "iteration", "metric", "value"]
    return pd.DataFrame(found, columns=columns)


def verdicts(table):
    found, _ = judging.evaluate([claims.SOURCE], {"modular_arithmetic": table}, Context({}))
    return {row["claim"]: row["verdict"] for row in found}


def test_a_run_that_groks_reproduces_all_claims():
    assert set(verdicts(curves()).values()) == {REPRODUCED}


@pytest.mark.parametrize(
    ("claim", "wrong"),
    [
        ("grok-1", {"early": 0.2}),
        ("grok-1", {"late": 0.9}),
        ("grok-1", {"train": 0.99}),
        ("grok-2", {"deviations": (0.9, 0.2, 0.1)}),
        ("grok-3", {"deviations": (0.2, 0.2, 0.02)}),
        ("grok-3", {"alignments": (0.7, 0.6)}),
    ],
)
def test_every_claim_can_fail(claim, wrong):
    assert verdicts(curves(**wrong))[claim] == NOT_REPRODUCED


def test_a_short_run_or_another_prime_decides_nothing():
    assert set(verdicts(curves(last=8)).values()) == {NOT_TESTED}
    assert set(verdicts(curves().assign(p=31)).values()) == {NOT_TESTED}


def test_moduli_must_be_primes():
    from agop_dnc.studies import all as studies

    with pytest.raises(UserError, match="holds 9, which is no prime"):
        study.check(studies.model()(modular_arithmetic={"primes": [9]}))
