"""Theorems 5.3 and 5.4: formulas against derivatives, brute force and closed forms."""

import itertools
import math

import pytest
import torch

from agop_dnc.errors import UserError
from agop_dnc.kernels.radial import Laplace
from agop_dnc.labels import signed_one_hot
from agop_dnc.models.deep_rfm import Settings
from agop_dnc.studies.collapse_iteration import rows as collapse_iteration_rows
from agop_dnc.studies.collapse_iteration.theorem import KAPPAS, collapsed_gram, distance, floor, iterate, kappa, rate
from agop_dnc.studies.kernel_learning.problem import (
    STARTS,
    alignment,
    ascend,
    check_feasible,
    gap,
    gradient,
    objective,
    optimum,
    start,
)
from agop_dnc.studies.kernel_trace import trace


def labels(*sizes):
    return torch.cat([torch.full((size,), label) for label, size in enumerate(sizes)])


# Theorem 5.3


def one_layer(G, y, ridge, map_ridge, scale):
    A = G + map_ridge * torch.eye(len(G), dtype=G.dtype)
    return next(iterate(A, collapsed_gram(y), ridge, map_ridge, scale, 1))


@pytest.mark.parametrize(("ridge", "map_ridge", "n"), [(0.1, 1.0, 4), (0.3, 0.2, 3), (1e-3, 1.0, 6)])
def test_the_rate_is_the_largest_multiplier_of_the_iterations_derivative(ridge, map_ridge, n):
    y = labels(n, n)
    target, scale = collapsed_gram(y), kappa("exact", ridge, map_ridge, n)
    torch.testing.assert_close(one_layer(target, y, ridge, map_ridge, scale), target, rtol=1e-12, atol=1e-12)
    jacobian = torch.autograd.functional.jacobian(
        lambda G: one_layer(G, y, ridge, map_ridge, scale), target, vectorize=True
    ).reshape(len(y) ** 2, len(y) ** 2)
    multipliers = torch.linalg.eigvals(jacobian).abs()
    # Symmetric matrices are all that the iteration meets, and the largest multiplier belongs to one.
    assert float(multipliers.max()) == pytest.approx(rate(ridge, map_ridge, n), rel=1e-9)


@pytest.mark.parametrize("which", KAPPAS)
@pytest.mark.parametrize("ridge", [1e-3, 0.05])
def test_the_iteration_stops_at_the_predicted_floor(which, ridge, draw):
    y, n = labels(8, 8, 8), 8
    X = draw(24, 60) / math.sqrt(60)
    scale = kappa(which, ridge, 1.0, n)
    *_, last = iterate(X @ X.T, collapsed_gram(y), ridge, 1.0, scale, 60)
    # Rounding of products of 24 terms of order 1.
    assert distance(last, collapsed_gram(y)) == pytest.approx(floor(scale, ridge, 1.0, n), rel=1e-6, abs=1e-13)


def test_the_printed_kappa_stops_where_the_measurement_of_the_papers_error_says():
    # λ_map = 1, λ̂ = 1e-3, n = 20: 8e-2 with the printed κ, 1e-7 with the lemma's, rounding with the exact one.
    floors = {which: floor(kappa(which, 1e-3, 1.0, 20), 1e-3, 1.0, 20) for which in KAPPAS}
    assert floors["printed"] == pytest.approx(8e-2, rel=0.05)
    assert floors["first order"] == pytest.approx(1.4e-7, rel=0.05)
    assert floors["exact"] == 0.0


def test_lemma_c2():
    y, n, map_ridge = labels(5, 5), 5, 0.7
    target = collapsed_gram(y)
    solved = torch.linalg.solve(target + map_ridge * torch.eye(10, dtype=torch.float64), target)
    torch.testing.assert_close(solved, target / (n + map_ridge), rtol=1e-12, atol=1e-14)


def test_a_negative_kappa_is_refused():
    with pytest.raises(ValueError, match="κ must be positive"):
        next(iterate(torch.eye(4), torch.eye(4), 1.0, 1.0, kappa("printed", 1.0, 1.0, 2), 1))


def test_iteration_rows_set_each_prediction_beside_its_measurement():
    A, y = collapse_iteration_rows.gaussian_gram(3, 6, seed=0)
    curves, found = collapse_iteration_rows.iteration_rows("gaussian", A, y, 1.0, [0.01, 1.0], 25)
    # At λ̂ = λ_map the printed κ is −3.
    assert {(row["kappa"], row["ratio"]) for row in curves} == {(k, r) for k in KAPPAS for r in (0.01, 1.0)} - {
        ("printed", 1.0)
    }
    close = [row for row in found if row["quantity"] == "rate of the distance" or "floor" in row["quantity"]]
    assert len(close) == 5
    assert all(row["relative_error"] < 0.02 for row in close)
    assert all(row["measured"] < row["predicted"] for row in found if "theorem" in row["quantity"])


def test_a_datasets_gram_matrix_has_the_first_points_of_each_class():
    X, y = torch.tensor([[3.0, 0], [0, 2], [0, 5], [1, 0], [0, 7]]), torch.tensor([0, 1, 1, 0, 1])
    G, kept = collapse_iteration_rows.dataset_gram(X, y, 2)
    assert kept.tolist() == [0, 0, 1, 1]
    assert G.tolist() == collapsed_gram(kept).tolist()
    with pytest.raises(
        UserError, match=r"class 0 has 2 points, not the 3 .* lower collapse_iteration.dataset_per_class"
    ):
        collapse_iteration_rows.dataset_gram(X, y, 3)


# Theorem 5.4


def random_feasible(y, seed):
    """A mean of two starts, feasible as both are."""
    generator = torch.Generator().manual_seed(seed)
    first, second = (STARTS[int(torch.randint(5, (1,), generator=generator))] for _ in range(2))
    t = float(torch.rand(1, generator=generator))
    return (1 - t) * start(first, y, generator) + t * start(second, y, generator)


def test_the_objective_is_what_the_best_coefficients_leave(draw):
    y, mu = labels(2, 3), 0.3
    k, Y = random_feasible(y, 1), torch.nn.functional.one_hot(y).double().T
    A = torch.zeros(2, 5, dtype=torch.float64, requires_grad=True)

    def loss(A):
        return (Y - A @ k).square().sum() + mu * torch.trace(k @ A.T @ A)

    optimiser = torch.optim.LBFGS(
        [A], max_iter=500, tolerance_grad=1e-14, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure():
        optimiser.zero_grad()
        value = loss(A)
        value.backward()
        return value

    optimiser.step(closure)
    # L-BFGS with these tolerances ends at rounding of a loss of order 1.
    assert loss(A).item() == pytest.approx(len(y) - objective(k, y, mu), rel=1e-9)


def test_the_gradient_is_autograds():
    y, mu = labels(3, 2, 2), 0.5
    k = random_feasible(y, 2).requires_grad_()
    Y = torch.nn.functional.one_hot(y).double().T
    phi = torch.trace(Y @ torch.linalg.solve(k + mu * torch.eye(7, dtype=torch.float64), k) @ Y.T)
    expected = torch.autograd.grad(phi, k)[0]
    assert phi.item() == pytest.approx(objective(k.detach(), y, mu), rel=1e-12)
    torch.testing.assert_close(gradient(k.detach(), y, mu), (expected + expected.T) / 2, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("mu", [0.05, 1.0, 20.0])
@pytest.mark.parametrize("sizes", [(4, 4), (5, 2, 3)])
def test_no_feasible_matrix_is_above_the_optimum_or_any_certificate(mu, sizes):
    y = labels(*sizes)
    best = optimum(y, mu)
    assert objective(collapsed_gram(y), y, mu) == pytest.approx(best, rel=1e-12)
    assert gap(collapsed_gram(y), gradient(collapsed_gram(y), y, mu)) == pytest.approx(0.0, abs=1e-12)
    for seed in range(40):
        k = random_feasible(y, seed)
        check_feasible(k)
        assert objective(k, y, mu) < best
        assert objective(k, y, mu) + gap(k, gradient(k, y, mu)) > best


def test_two_points_by_brute_force():
    grid = torch.linspace(0, 1, 101, dtype=torch.float64)
    for y, expected in ((torch.tensor([0, 0]), 1.0), (torch.tensor([0, 1]), 0.0)):
        values = [objective(torch.tensor([[1.0, t], [t, 1.0]], dtype=torch.float64), y, 0.4) for t in grid]
        assert float(grid[int(torch.tensor(values).argmax())]) == expected
        assert max(values) == pytest.approx(optimum(y, 0.4), rel=1e-12)


@pytest.mark.parametrize("begin", STARTS)
def test_climbing_keeps_feasibility_and_ends_at_the_collapsed_matrix(begin):
    y, mu = labels(4, 4, 4), 0.5
    steps = list(ascend(start(begin, y, torch.Generator().manual_seed(3)), y, mu, 0.25, 150))
    for step in steps:
        check_feasible(step.k)
    values = [step.objective for step in steps]
    assert all(after >= before - 1e-12 for before, after in itertools.pairwise(values))
    # 0.75^150 is 2e-19: what is left is rounding.
    assert values[-1] == pytest.approx(optimum(y, mu), rel=1e-12)
    assert steps[-1].gap < 1e-10
    torch.testing.assert_close(steps[-1].k, collapsed_gram(y), rtol=0, atol=1e-10)


def test_an_infeasible_start_is_refused():
    k = torch.tensor([[1.0, -0.1], [-0.1, 1.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match="k must be symmetric positive semi-definite with non-negative entries"):
        next(ascend(k, torch.tensor([0, 1]), 1.0, 0.5, 1))


# Kernels of Deep RFM and RFM


SETTINGS = Settings(depth=3, width=64)


def by_metric(rows, layer):
    return {row["metric"]: row["value"] for row in rows if row["layer"] == layer}


def test_a_deep_rfms_first_kernel_is_the_laplace_kernel_of_the_points(arrays):
    rows = list(trace.trace_deep_rfm(arrays, SETTINGS, 0, 1.0))
    X = torch.nn.functional.normalize(arrays.x_train)
    k = torch.exp(-torch.cdist(X, X) / 2)
    first = by_metric(rows, 1)
    assert first["alignment"] == pytest.approx(alignment(k, arrays.y_train), rel=1e-6)
    assert first["objective"] == pytest.approx(
        objective(k, arrays.y_train, 1.0) / optimum(arrays.y_train, 1.0), rel=1e-6
    )
    assert "ridge" not in first
    second = by_metric(rows, 2)
    assert second["predicted_rate"] == pytest.approx(rate(second["ridge"], second["map_ridge"], 20), rel=1e-12)


def test_an_rfm_learns_the_metric_that_autograd_gives(arrays):
    rows = list(trace.trace_rfm(arrays, SETTINGS, 1.0))
    X, Y = torch.nn.functional.normalize(arrays.x_train), signed_one_hot(arrays.y_train)
    M = torch.eye(8, dtype=torch.float64)
    for layer in (1, 2):
        root = torch.linalg.cholesky(M)  # any root has the same distances

        def k(a, b, root=root):
            return torch.exp(-((((a[:, None] - b) @ root).square().sum(-1)).clamp(min=1e-300)).sqrt() / 2)

        assert by_metric(rows, layer)["alignment"] == pytest.approx(alignment(k(X, X), arrays.y_train), rel=1e-6)
        coefficients = torch.linalg.solve(k(X, X), Y)
        total = torch.zeros(8, 8, dtype=torch.float64)
        for i in range(len(X)):
            # The kernel's gradient at its own centre is 0; the centre is left out.
            others = torch.arange(len(X)) != i
            J = torch.autograd.functional.jacobian(
                lambda x, o=others, c=coefficients: (k(x[None], X[o]) @ c[o])[0], X[i]
            )
            total += J.T @ J
        M = total / total.max()


def test_collapsed_points_have_the_alignment_that_is_said(draw):
    y = labels(6, 6, 6)
    simplex = torch.nn.functional.normalize(torch.eye(3, dtype=torch.float64) - 1 / 3)[y]
    k = Laplace(2.0).value_(torch.cdist(simplex, simplex))
    expected = (alignment(k, y), objective(k, y, 0.5) / optimum(y, 0.5))
    # cdist has coincident points 1e-8 apart.
    assert trace.collapsed_alignment(Laplace(2.0), y, 0.5) == pytest.approx(expected, rel=1e-6)


def test_names_are_checked():
    with pytest.raises(ValueError, match="unknown start 'zeros'"):
        start("zeros", labels(2, 2), torch.Generator())
    with pytest.raises(ValueError, match="unknown κ"):
        kappa("wrong", 1.0, 1.0, 2)
