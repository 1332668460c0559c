"""The deep unconstrained features model: formulas against autograd, grids and brute-force minimisation."""

import math

import numpy as np
import pytest
import torch

from agop_dnc.models.dufm import Model, collapse, descend, loss_and_gradients, polish, random_start, rank, stack
from agop_dnc.models.dufm_collapsed import collapsed_loss, collapsed_minimum, collapsed_start, optimum, threshold
from agop_dnc.studies.unconstrained_features import backbone
from agop_dnc.studies.unconstrained_features import rows as unconstrained_features_rows

SMALL = Model(2, 2, 3, 4, (0.01, 0.02, 0.015, 0.01))


def written_out(parameters, model):
    """The objective as it is stated, for autograd."""
    H, *W = parameters
    Y = torch.eye(model.classes, dtype=torch.float64).repeat_interleave(model.per_class, 1)
    out = H
    for index, weight in enumerate(W):
        out = weight @ (torch.relu(out) if index else out)
    penalty = sum(p / 2 * values.square().sum() for p, values in zip(model.penalties, parameters, strict=True))
    return (out - Y).square().sum() / (2 * Y.shape[1]) + penalty


@pytest.mark.parametrize("model", [SMALL, Model(3, 2, 2, 5, (0.1, 0.2, 0.3)), Model(4, 3, 5, 6, (0.01,) * 6)])
def test_loss_and_gradients_are_autograds(model):
    parameters = [values.requires_grad_() for values in random_start(model, 0, 1.5)]
    expected = torch.autograd.grad(value := written_out(parameters, model), parameters)
    loss, gradients = loss_and_gradients([p.detach() for p in parameters], model.targets, model.penalties)
    assert float(loss) == pytest.approx(value.item(), rel=1e-13)
    for got, wanted in zip(gradients, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-14)


def test_descent_of_several_starts_equals_each_alone():
    starts = [random_start(SMALL, seed) for seed in range(3)]
    *_, (_, losses, _) = descend(stack(starts), SMALL, 0.5, [0, 20])
    for start, loss in zip(starts, losses, strict=True):
        parameters = [values.clone().requires_grad_() for values in start]
        for _ in range(20):
            gradients = torch.autograd.grad(written_out(parameters, SMALL), parameters)
            parameters = [(p - 0.5 * g).detach().requires_grad_() for p, g in zip(parameters, gradients, strict=True)]
        assert float(loss) == pytest.approx(written_out(parameters, SMALL).item(), rel=1e-10)


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("scale", [0.3, 0.95])
def test_collapsed_start_costs_what_the_formula_says_and_no_balance_costs_less(classes, scale):
    model = Model(classes, 3, 3, 7, (0.02, 0.01, 0.03, 0.015))
    balanced = collapsed_start(model, scale)
    loss = written_out(balanced, model)
    assert float(loss) == pytest.approx(collapsed_loss(scale, model), rel=1e-12)
    # Shifting size from one factor to the next leaves the output alone and costs more.
    for index in range(model.layers):
        for factor in (0.9, 1.1):
            moved = list(balanced)
            moved[index], moved[index + 1] = moved[index] * factor, moved[index + 1] / factor
            assert float(written_out(moved, model)) > float(loss)


@pytest.mark.parametrize("layers", [2, 3, 4, 5])
@pytest.mark.parametrize("ratio", [0.01, 0.5, 0.99, 1.01, 3.0])
def test_optimum_agrees_with_a_grid(layers, ratio):
    penalty = (threshold(layers) * ratio / 5) ** (1 / (layers + 1))
    model = Model(2, 5, layers, 8, (penalty,) * (layers + 1))
    a, c = np.linspace(1e-4, 1, 200_001), model.strength ** (1 / (layers + 1))
    values = (a - 1) ** 2 / 2 + (layers + 1) * c * a ** (2 / (layers + 1))
    # Half the grid's spacing squared, 3e-12, times a curvature of some units.
    assert optimum(model).loss == pytest.approx(min(0.5, values.min()), abs=1e-10)
    assert optimum(model).collapsed == (ratio < 1)
    local = collapsed_minimum(model)
    if local is not None:
        nearby = [collapsed_loss(local.scale * factor, model) for factor in (0.999, 1.001)]
        assert local.loss < min(nearby)


def test_threshold_of_two_classes_is_the_published_one():
    for L in (2, 3, 4, 5):
        assert threshold(L) == pytest.approx((L - 1) ** (L - 1) / (2 ** (L + 1) * L ** (2 * L)), rel=1e-13)


def test_brute_force_minimisation_finds_no_less_than_the_optimum_and_reaches_it():
    # n = 2, d = 4: autograd and torch's own L-BFGS from many starts, nothing of the library's minimiser.
    best, found = optimum(SMALL).loss, []
    for seed in range(5):
        parameters = [values.requires_grad_() for values in random_start(SMALL, seed, 1.5)]
        optimiser = torch.optim.LBFGS(
            parameters, max_iter=3000, tolerance_grad=1e-11, tolerance_change=1e-15, line_search_fn="strong_wolfe"
        )

        def closure(optimiser=optimiser, parameters=parameters):
            optimiser.zero_grad()
            value = written_out(parameters, SMALL)
            value.backward()
            return value

        optimiser.step(closure)
        found.append(written_out(parameters, SMALL).item())
    assert min(found) == pytest.approx(best, abs=1e-5)
    assert min(found) > best - 1e-9


def test_polish_reaches_the_optimum_and_keeps_what_is_fixed():
    model = Model(2, 4, 3, 16, (0.005,) * 4)
    loss, found = polish(random_start(model, 0), model)
    assert loss == pytest.approx(optimum(model).loss, abs=1e-5)
    H = random_start(model, 1)[0]
    _, kept = polish([H, *found[1:]], model, fixed=1)
    assert torch.equal(kept[0], H)
    assert not torch.equal(kept[1], found[1])


def test_collapse_metrics_at_collapse_and_away_from_it():
    model = Model(2, 3, 4, 6, (0.01,) * 5)
    for row in collapse(collapsed_start(model, 0.9), model.labels):
        assert row["value"] == pytest.approx(
            {"dnc1": 0, "dnc2": 1, "dnc2_before": 1, "dnc3": 0}[row["metric"]], abs=1e-12
        )
    values = {(row["layer"], row["metric"]): row["value"] for row in collapse(random_start(model, 0), model.labels)}
    assert all(values[layer, "dnc1"] > 0.1 and values[layer, "dnc3"] > 0.1 for layer in range(1, 5))
    nothing = {row["metric"]: row["value"] for row in collapse([p * 0 for p in random_start(model, 0)], model.labels)}
    assert all(math.isnan(value) for value in nothing.values())


def test_opposite_means_before_relu_cost_the_same_as_orthogonal_ones():
    # What the angle of the free features' means is left free by: one direction with both signs, made orthogonal by σ.
    model = Model(2, 3, 3, 6, (0.01,) * 4)
    orthogonal = collapsed_start(model, 0.9)
    opposite = [values.clone() for values in orthogonal]
    size = float(orthogonal[0].abs().max())
    opposite[0].zero_()
    opposite[0][0] = size * (1 - 2 * model.labels.double())
    s = float(orthogonal[1][0, 0])
    opposite[1].zero_()
    opposite[1][0, 0], opposite[1][1, 0] = s, -s
    assert float(written_out(opposite, model)) == pytest.approx(float(written_out(orthogonal, model)), rel=1e-13)
    assert rank(opposite[0]) == 1


def test_rank_counts_singular_values_above_its_threshold():
    assert rank(torch.diag(torch.tensor([1.0, 0.5, 1e-3]))) == 2
    assert rank(torch.zeros(3, 3)) == 0


def test_training_step_is_gradient_step_of_the_whole_objective():
    X, n = backbone.two_classes(torch.eye(6, dtype=torch.float64), torch.tensor([0, 1, 0, 1, 1, 2]), 0, 1)
    assert n == 2
    assert X.argmax(1).tolist() == [0, 2, 1, 3]
    model = Model(2, n, 3, 5, (0.01, 0.02, 0.03, 0.04))
    network, copy = (backbone.backbone(6, 8, 5, seed=1) for _ in range(2))
    *_, (_, _, after) = backbone.train(network, X, model, 1, 0.3, [0, 1])
    head = [values.requires_grad_() for values in random_start(model, 1)[1:]]
    loss = written_out([copy(X).T, *head], model)
    loss.backward()
    for moved, weight in zip(after[1:], head, strict=True):
        torch.testing.assert_close(moved, (weight - 0.3 * weight.grad).detach(), rtol=1e-10, atol=1e-13)
    with torch.no_grad():
        for weight in copy.parameters():
            weight.sub_(weight.grad, alpha=0.3)
    torch.testing.assert_close(after[0], copy(X).T.detach(), rtol=1e-10, atol=1e-13)


def test_rows_hold_predictions_and_measurements(draw):
    model = Model(2, 4, 2, 12, (0.01,) * 3)
    curves, found = unconstrained_features_rows.descent_rows(model, [1.0, 0.05], range(2), 1.0, 600)
    losses = {
        (row["setting"], row["quantity"], row["seed"]): row for row in found if row["quantity"].startswith("loss")
    }
    assert losses["D1: K = 2, L = 2, start × 1", "loss of L-BFGS", 0]["relative_error"] < 1e-5
    assert losses["D1: K = 2, L = 2, start × 1", "loss of gradient descent", 1]["relative_error"] < 0.01
    assert (
        losses["D1: K = 2, L = 2, start × 0.05", "loss of gradient descent", 1]["measured"] > 1.5 * optimum(model).loss
    )
    assert {row["metric"] for row in curves} == {"optimum", "loss", "dnc1", "dnc2", "dnc2_before", "dnc3"}
    _, found = unconstrained_features_rows.threshold_rows(Model(2, 4, 2, 6, (1.0,) * 3), [0.5, 2.0], [0])
    assert [row["measured"] for row in found if row["quantity"] == "collapsed"] == [1.0, 0.0]
    assert all(row["relative_error"] < 1e-6 for row in found if row["quantity"] == "lowest loss")
    _, found = unconstrained_features_rows.rank_rows(Model(3, 2, 2, 12, (0.01,) * 3), range(4), 1.0, 300)
    two_layers = [row for row in found if row["setting"].endswith(", L-BFGS") and row["quantity"] == "loss"]
    # With two layers collapse is the optimum for every number of classes.
    assert min(row["relative_error"] for row in two_layers) < 1e-5
    X = torch.cat([draw(6, 5), draw(6, 5, seed=1) + 3])
    _, found = unconstrained_features_rows.network_rows(
        X, torch.arange(2).repeat_interleave(6), (0, 1), model, 16, 0.5, 400, 0, "drawn"
    )
    assert {row["data"] for row in found} == {"drawn"}
    by = {row["setting"].rpartition(", ")[2]: row for row in found if row["quantity"] == "loss"}
    assert by["freed"]["relative_error"] < 1e-4
    assert optimum(Model(2, 6, 2, 12, (0.01,) * 3)).loss - 1e-9 < by["features frozen"]["measured"]
    assert by["features frozen"]["measured"] < by["end to end"]["measured"] * 1.02


def test_impossible_model_is_refused():
    with pytest.raises(ValueError, match="3 layers need 4 penalties"):
        Model(2, 2, 3, 4, (0.1,))
    with pytest.raises(ValueError, match="need a width of at least"):
        Model(5, 2, 2, 4, (0.1,) * 3)
    with pytest.raises(ValueError, match="two points or more"):
        backbone.two_classes(torch.eye(3), torch.tensor([0, 0, 1]), 0, 1)
