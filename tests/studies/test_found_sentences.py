"""Sentences on what was found, from small tables whose numbers are known, in both directions."""

import numpy as np
import pandas as pd
import pytest

from agop_dnc.studies import sentences
from agop_dnc.studies.collapse_iteration import notes as iteration
from agop_dnc.studies.deep_rfm import notes as deep_rfm
from agop_dnc.studies.deep_rfm.references import chance
from agop_dnc.studies.departures import departures
from agop_dnc.studies.departures import notes as departure_notes
from agop_dnc.studies.egop import notes as egop
from agop_dnc.studies.feature_kernel import notes as feature_kernel
from agop_dnc.studies.judging import interval
from agop_dnc.studies.kernel_learning import notes as kernel_learning
from agop_dnc.studies.modular_arithmetic import notes as modular
from agop_dnc.studies.networks import notes as networks
from agop_dnc.studies.polynomials import notes as polynomials
from agop_dnc.studies.removals import notes as removals
from agop_dnc.studies.tabular import notes as tabular
from agop_dnc.studies.unconstrained_features import notes as dufm

WAYS = pytest.mark.parametrize("down", [True, False])


def table(*rows, **fixed):
    """Return a table of rows with columns that are the same in all."""
    return pd.DataFrame([fixed | row for row in rows])


def test_an_estimate_is_the_mean_with_its_interval():
    values = [1.0, 2.0, 4.0]
    found = interval(values)
    assert sentences.estimate(values) == f"2.33 ({found.low:.3g} to {found.high:.3g})"
    assert sentences.estimate([1.0, np.inf, 2.0]) == "inf"


def gram(within, between):
    """Return the cosines of two points in each of three classes."""
    same = np.equal.outer(np.repeat([0, 1, 2], 2), np.repeat([0, 1, 2], 2))
    matrix = np.where(same, within, between)
    np.fill_diagonal(matrix, 1.0)
    return matrix


@WAYS
def test_gram(down):
    matrices = {1: gram(0.3, -0.1), 19: gram(0.9, -0.5)}
    matrices[19][:2, 2:4] = matrices[19][2:4, :2] = -0.2
    if down:
        matrices = {1: matrices[19], 19: matrices[1]}
    said = deep_rfm.gram_found([("A panel", matrices)], [np.repeat([0, 1, 2], 2)], [64])
    assert said.startswith("- A panel: from layer 1 to 19 ")
    assert ("falls from 0.9 to 0.3" if down else "rises from 0.3 to 0.9") in said
    assert "(-0.5 under collapse)" in said
    farthest = "-0.1, 0.4 away" if down else "-0.2, 0.3 away"
    assert f"a mean cosine of {farthest}; of 3 random directions in 64 dimensions" in said
    assert f"{chance(3, 64).between:.3g} away" in said


def test_gram_of_one_layer():
    said = deep_rfm.gram_found([("A panel", {1: gram(0.3, -0.1)})], [np.repeat([0, 1, 2], 2)], [64])
    assert said.startswith("- A panel: at layer 1 the mean cosine within classes is 0.3 (1 under collapse)")


def deep_rfm_rows(agop, nc2, x=10.0, features=10.0):
    """Return rows of deep_rfm.csv: NC1 of M½X and NC2 by layer, NC1 of X and Φ as multiples of the former, three equal seeds."""
    rows = []
    for seed in range(3):
        for layer, (nc1, other) in enumerate(zip(agop, nc2, strict=True), start=1):
            about = {"dataset": "digits", "activation": "relu", "seed": seed, "layer": layer}
            rows += [
                about | {"component": component, "metric": "nc1", "value": value}
                for component, value in (("x", x * nc1), ("agop", nc1), ("features", features * nc1))
            ]
            rows.append(about | {"component": "agop", "metric": "nc2", "value": other})
    return table(*rows)


@WAYS
def test_depth(down):
    curve = [1.0, 1e-2, 1e-3] if down else [1e-3, 1e-2, 1.0]
    nc2 = [2.0, 0.5, 1.0] if down else [1.0, 0.5, 2.0]
    rows = deep_rfm_rows(curve, nc2, x=10 if down else 0.1, features=10 if down else 0.1)
    said = deep_rfm.depth_found(rows, {"digits": "Digits"}, {"digits": 10}, {"digits": 256})
    assert f"NC1 of $M^{{1/2}}X$ {'falls' if down else 'rises'} by 3 decades. " in said
    assert (
        f"lowers NC1 in {9 if down else 0} and the random features raise it in {9 if down else 0} of 9 layers" in said
    )
    assert (
        f"{'falls from 2 to 1' if down else 'rises from 1 to 2'} at layer 3, and its lowest mean is 0.5 at layer 2"
        in said
    )
    assert f"10 random directions in 256 dimensions have {chance(10, 256).nc2_median:.3g} (median)" in said


def test_depth_leaves_out_rounding():
    rows = deep_rfm_rows([1.0, 1e-4, 1e-14], [1.0, 1.0, 1.0])
    said = deep_rfm.depth_found(rows, {"digits": "Digits"}, {"digits": 10}, {"digits": 256})
    assert "falls by 4 decades (values up to 1e-12 are rounding and left out)" in said
    assert "of 6 layers" in said


def test_removals_compare_with_the_deep_rfm():
    ends = {"none": 1e-4, "identity": 10.0, "no features": 0.1}
    rows = [
        {"variant": variant, "seed": seed, "layer": layer, "value": value}
        for variant, end in ends.items()
        for seed in range(3)
        for layer, value in ((1, 1.0), (20, end))
    ]
    said = removals.found_sentences([("Digits", table(*rows, component="agop", metric="nc1"))])
    assert said.startswith("- Digits: from layer 1 to 20 NC1 of $M^{1/2}X$ falls by 4 decades. ")
    assert "With $I$ in place of $M^{1/2}$ it rises by 1 decades; without" in said
    assert said.endswith("without the random features it falls by 1 decades, 25 % of that.")


def network_rows(ends):
    """Return NC1 of networks.csv, before and after training, from (input, right, output) by layer."""
    return table(
        *(
            {"seed": seed, "epoch": epoch, "layer": layer, "component": component, "value": value}
            for epoch, layers in ends.items()
            for seed in range(3)
            for layer, values in enumerate(layers, start=1)
            for component, value in zip(("input", "right", "output"), values, strict=True)
        ),
        metric="nc1",
    )


def test_svd_when_nc1_falls_and_when_it_rises():
    falling = network_rows({0: [(1.0, 1.0, 10.0)] * 2, 9: [(10.0, 0.1, 0.01), (0.01, 0.01, 0.01)]})
    said = networks.svd_found([("MLP", falling)])
    assert "1 of 2 hidden layers lower NC1 by 0.1 decades or more, with a share of $SV^\\top$ of 0.667." in said
    assert (
        "NC1 falls by 3 decades: through $SV^\\top$ it falls by 2 decades, through the ReLU it falls by 1 decades."
        in said
    )
    assert said.endswith("Untrained, it rises by 2 decades over all layers.")
    rising = networks.svd_found([("MLP", network_rows({9: [(1.0, 10.0, 1.0)]}))])
    assert "0 of 1 hidden layers lower NC1 by 0.1 decades or more. Over" in rising
    assert "through $SV^\\top$ it rises by 1 decades, through the ReLU it falls by 1 decades." in rising
    assert "Untrained" not in rising


@WAYS
def test_nfa(down):
    ends = {0: 0.8, 9: 0.6} if down else {0: 0.6, 9: 0.8}
    rows = [
        {"target": target, "epoch": epoch, "seed": seed, "layer": layer, "value": value}
        for epoch, correlation in ends.items()
        for target, value in (("sqrt_agop", correlation), ("sqrt_agop_null", 0.7 if epoch else correlation))
        for seed in range(3)
        for layer in (1, 2)
    ]
    accuracies = [0.9, 1.0, 1.0]
    training = table(*({"epoch": 9, "seed": i, "value": a} for i, a in enumerate(accuracies)), metric="train_accuracy")
    said = networks.nfa_found([("MLP", training, table(*rows))])
    assert ("falls from 0.800 to 0.600" if down else "rises from 0.600 to 0.800") in said
    assert (
        f"it is 0.700 after training, so that the excess is {'-0.100' if down else '0.100'}; untrained, the excess is 0.000."
        in said
    )
    assert said.endswith("Training accuracy at the end: 0.967 (lowest seed 0.900).")


def test_truncation_states_one_direction_and_as_many_as_classes():
    whole = table({"layer": 1, "value": 0.2}, {"layer": 2, "value": 0.1}, component="right")
    rows = []
    for rank, ratio, nearest in ((1, 3.0, 0.3), (3, 1.5, 0.9), (8, 1.0, 1.0)):
        for layer, full in ((1, 0.2), (2, 0.1)):
            for component in ("right", "agop_root", "agop_fourth_root"):
                about = {"rank": rank, "layer": layer, "component": component}
                rows.append(about | {"metric": "nc1", "value": ratio * full * (1 if component == "right" else 4)})
                rows.append(about | {"metric": "nearest_mean_accuracy", "value": nearest})
    said = networks.truncation_found([("MLP", whole, table(*rows))], [3])
    assert (
        "is 3 times its full value with 1 singular direction and 1.5 times its full value with 3 singular directions kept"
        in said
    )
    assert "(there are 3 classes). Then 30 % and 90 % of the points" in said
    assert "and 100 % with all directions." in said
    assert (
        "NC1 of $\\mathrm{AGOP}^{1/2}\\Phi$ is 4 times and NC1 of $\\mathrm{AGOP}^{1/4}\\Phi$ is 4 times that of"
        in said
    )


@WAYS
def test_labels(down):
    ends = ((0, 2.0), (9, 0.1)) if down else ((0, 0.1), (9, 2.0))
    metrics = ("nc1_pinv", "nc2_normalised", "nc3", "nc4")
    rows = [{"seed": 0, "epoch": e, "metric": m, "value": v} for m in metrics for e, v in ends]
    training = table({"epoch": 9, "seed": 0, "metric": "train_accuracy", "value": 1.0})
    said = networks.labels_found([("Digits", table(*rows))], [training])
    way = "falls from 2 to 0.1" if down else "rises from 0.1 to 2"
    assert said.startswith(f"- Digits: from epoch 0 to 9 NC1 {way}, NC2 {way}, NC3 {way} and NC4 {way}. ")


def prediction(**row):
    return {"data": "gaussian", "layer": 0, "seed": 0, "relative_error": 0.0} | row


def test_collapse_iteration_counts_bounds_that_are_kept():
    bound = "rate of the distance, at most (the theorem's 1 − ε)"
    rows = []
    for ratio, rate, limit in (("0.1", 0.2, 0.1), ("0.01", 0.05, 0.1), ("1", 0.9, 2.0)):
        about = {"setting": f"λ̂/λ_map = {ratio}"}
        rows += [
            prediction(**about, quantity="floor (κ printed)", predicted=1.0, measured=1.1, relative_error=0.1),
            prediction(**about, quantity="floor (κ first order)", predicted=1.0, measured=float(ratio)),
            prediction(
                **about, quantity="rate of the distance", predicted=1.0, measured=rate, relative_error=float(ratio)
            ),
            prediction(**about, quantity=bound, predicted=limit, measured=rate),
        ]
    curves = table(
        *({"layer": layer, "value": 10.0**-layer} for layer in (1, 2)), data="gaussian", kappa="exact", ratio=0.1
    )
    said = iteration.found_sentences(curves, table(*rows), {"gaussian": "Gaussian"})
    assert "with the printed $\\kappa$ at 1.1 (off the predicted floor by at most 10 %)" in said
    assert "to first order at 0.01 to 1 (off the predicted floor by at most 0 %)" in said
    assert "it ends at 0.01." in said
    assert "off its prediction by 1 to 100 %, by most at the ratio 1." in said
    assert "holds at 2 of 3 ratios; there the factor is at most its $1 - \\varepsilon$ in 1 of 2." in said


def test_kernel_learning_says_how_far_the_end_is_off():
    ends = {
        "objective": (0.5, 0.75),
        "bound": (3.0, 1.5),
        "shortfall": (0.5, 0.25),
        "gap": (2.0, 0.5),
        "distance": (1.0, 0.125),
    }
    rows = [
        {"start": start, "step": step, "metric": metric, "value": value}
        for metric, values in ends.items()
        for start in ("identity", "random")
        for step, value in zip((0, 7), values, strict=True)
    ]
    said = kernel_learning.found_sentences(table(*rows, problem="K=2 n=10 μ=0.1"))
    assert said.startswith("- K = 2, n = 10, μ = 0.1, from 2 starts, ")
    assert "the objective is 0.5 at the start, and after 7 steps off 1 by at most 0.25;" in said
    assert "the certified upper bound is 3 and then off 1 by at most 0.5." in said
    assert said.endswith("is 1 and then at most 0.125.")


@WAYS
def test_feature_kernel(down):
    rows = []
    for seed in range(3):
        for width in (10, 100):
            values = {"mean": 1.3, "expected": 1.0, "draws": 100.0}
            values["variance"] = 10.0 / width if down else 0.1 * width
            about = {"seed": seed, "width": width, "angle": 0.5}
            rows += [about | {"metric": metric, "value": value} for metric, value in values.items()]
    said = feature_kernel.found_sentences(table(*rows))
    # Standard errors are √(variance / 100); the smallest variance is 0.1 or 1.
    assert (
        f"of 6 means over draws the one farthest from the formula is {9.49 if down else 3:.2f} of its standard errors"
        in said
    )
    assert (
        f"it {'falls' if down else 'rises'} with the width as $D$ to the power {'-1.000' if down else '1.000'}, common"
        in said
    )


@WAYS
def test_descent_counts_seeds_and_tells_above_from_below(down):
    about = {"setting": "D1: K = 2, L = 3, start × 1", "predicted": 1.0, "quantity": "loss of gradient descent"}
    rows = [
        prediction(**about, measured=1.0005),
        prediction(**about, measured=1.5),
        prediction(**about | {"quantity": "loss of L-BFGS"}, measured=0.9 if down else 1.1),
    ]
    curves = [
        {"metric": metric, "layer": layer, "step": step, "value": value}
        for metric, ends in (("dnc1", (1.0, 0.1)), ("dnc2", (3.0, 1.5)), ("dnc3", (0.1, 0.4)))
        for layer in (1, 2)
        for step, value in zip((0, 9), ends, strict=True)
    ]
    curves.append({"metric": "loss", "layer": 0, "step": 0, "value": 1.0})
    curves.append({"metric": "dnc2", "layer": 1, "step": 9, "value": 50.0})
    said = dufm.descent_found(table(*curves, setting="start × 1", layers=3), table(*rows))
    assert "by gradient descent in 1 of 2 seeds from starts × 1; by L-BFGS in " in said
    assert f"by L-BFGS in {1 if down else 0} of 1 seed from starts × 1." in said
    assert f"The lowest loss of all is {'10 % below' if down else '0.05 % above'} it." in said
    assert (
        "of DNC1 falls from 1 to 0.1, DNC2 (from layer 2 on) falls from 2 to 0.5 and DNC3 rises from 0.1 to 0.4."
        in said
    )


@WAYS
def test_threshold(down):
    rows = []
    for ratio, optimum in ((0.5, 0.3), (2.0, 0.5)):
        collapsed = float(optimum < 0.5) if down else 0.0
        values = {"lowest loss": optimum, "optimum": optimum, "collapsed": collapsed}
        rows += [{"ratio": ratio, "step": -1, "metric": metric, "value": value} for metric, value in values.items()]
        rows += [{"ratio": ratio, "step": step, "metric": "loss", "value": 0.3 if step else 0.5} for step in range(4)]
    said = dufm.threshold_found(table(*rows, layers=2))
    if down:
        assert (
            "is collapsed at 1 strength (0.5 times the threshold) and zero at 1 strength (2 times the threshold), as predicted at 2 of 2;"
            in said
        )
    else:
        assert "is zero at 2 strengths (0.5 to 2 times the threshold), as predicted at 1 of 2;" in said
    assert said.endswith("by at most a relative 0. Where the optimum is collapsed, 75 % of the random starts reach it.")


def test_network_states_the_loss_next_to_the_optimum():
    rows = [
        prediction(setting=f"D3: K = 2, L = 3, {end}", quantity="loss", predicted=2.0, measured=measured)
        for end, measured in (("end to end", 2.2), ("features frozen", 2.1), ("freed", 1.9))
    ]
    rows += [
        prediction(
            setting="D3: K = 2, L = 3, end to end", quantity="dnc1", layer=layer, predicted=0.0, measured=0.1**layer
        )
        for layer in (1, 2, 3)
    ]
    said = dufm.network_found(table(*rows).assign(data="digits"), {"digits": "Digits"})
    assert "the predicted optimum, 2, is in percent of it 10 after training end to end, 5 with a new head" in said
    assert "and -5 with the features freed from the backbone." in said
    assert said.endswith("DNC1 is 0.1 at the backbone's output and 0.001 to 0.01 at the inputs of the later layers.")


@WAYS
def test_ranks(down):
    rows = []
    for seed, loss in ((0, 1.0), (1, 0.5 if down else 1.2)):
        about = {"setting": "D4: K = 4, L = 2, L-BFGS", "seed": seed}
        rows.append(prediction(**about, quantity="loss", predicted=1.0, measured=loss))
        for layer in (1, 2):
            rank = 4 - seed if layer == 1 else 4
            rows.append(prediction(**about, quantity="rank of the input", layer=layer, predicted=4.0, measured=rank))
    said = dufm.ranks_found(table(*rows))
    assert said.startswith("- K = 4, L = 2: the better of collapse and all zeros has a loss of 1. ")
    assert f"{1 if down else 0} of 2 by L-BFGS." in said
    assert (
        "is 0.5, 50 % below it; the ranks of the layers' inputs are 3 4"
        if down
        else "is 1, 0 % above it; the ranks of the layers' inputs are 4 4"
    ) in said


@WAYS
def test_egop(down):
    rows = []
    models = (("target", 0, "raw"), ("laplace", 0, "raw"), ("rfm", 0, "raw"), ("rfm", 2, "raw"))
    for model, iteration_, gradients in models:
        for seed in range(3):
            for n in (100, 400):
                error = (100 / n) ** (0.5 if down else -0.5)
                about = {"model": model, "iteration": iteration_, "gradients": gradients, "seed": seed, "n": n}
                rows.append(about | {"metric": "relative_error", "value": error})
                rows.append(about | {"metric": "cosine", "value": 0.75})
    said = egop.found_sentences(table(*rows, target="product", noise=0.0))
    way = "falls from 1 to 0.5, as $n$ to the power -0.5" if down else "rises from 1 to 2, as $n$ to the power 0.5"
    assert said.startswith(
        f"- x₁x₂, from n = 100 to 400: the relative error of the target's own gradients {way} (cosine similarity in the end 0.750)"
    )
    assert f"; that of the Laplace kernel {way}" in said
    assert said.count("that of RFM, 2 updates") == 1


@WAYS
def test_grokking(down):
    deviation, alignment = ((0.9, 0.5), (0.1, 0.4)) if down else ((0.5, 0.9), (0.4, 0.1))
    rows = []
    for seed in range(2):
        curves = {
            "train_accuracy": {0: 1.0, 1: 1.0, 8: 1.0, 20: 0.99},
            "test_accuracy": {0: 0.01, 1: 0.02, 8: 0.03, 20: 1.0 if seed == 0 else 0.5},
            "circulant_deviation": {1: deviation[0], 8: deviation[1], 20: 0.0},
            "alignment": {0: 0.0, 1: alignment[0], 8: alignment[1], 20: 1.0},
        }
        rows += [
            {"seed": seed, "model": "rfm", "metric": metric, "iteration": i, "value": value}
            for metric, curve in curves.items()
            for i, value in curve.items()
        ]
        rows.append(
            {"seed": seed, "model": "random_circulant", "metric": "test_accuracy", "iteration": 0, "value": 0.6}
        )
    said = modular.grokking_found(table(*rows, p=5, operation="add", kernel="quadratic"))
    assert said.startswith("- a + b mod 5, RFM, quadratic kernel: training accuracy is at least 0.990 throughout. ")
    assert (
        "Test accuracy reaches 5 % at iteration 20 and 99 % at iteration 20 in 1 of 2 seeds; it is 0.010 with the plain kernel"
        in said
    )
    assert (
        "at most 0.030 in the first 8 iterations, 0.750 in the last, and 0.600 with random circulant features (guessing: 0.2)."
        in said
    )
    assert (
        "deviation falls from 0.900 to 0.500 and the alignment with the last AGOP rises from 0.100 to 0.400" in said
    ) == down
    assert (
        "deviation rises from 0.500 to 0.900 and the alignment with the last AGOP falls from 0.400 to 0.100" in said
    ) != down


def test_modular_features_are_those_of_the_last_iteration():
    values = {"circulant_deviation": 0.25, "circulant_deviation_root": 0.125, "test_accuracy": 1.0}
    rows = [{"iteration": 3, "metric": metric, "value": value} for metric, value in values.items()]
    rows += [{"iteration": 2, "metric": metric, "value": 9.0} for metric in values]
    job = {"p": 5, "operation": "add", "kernel": "gaussian"}
    said = modular.features_found(table(*rows, seed=0, model="rfm", **job), [job])
    assert "is 0.25 for the AGOP and 0.125 for $M$ (random entries: about 0.8); test accuracy 1.000." in said


def test_polynomials_state_every_model_at_the_largest_n():
    rows = [
        {"model": model, "n": n, "iteration": iteration_, "seed": 0, "value": value}
        for model, iteration_, values in (("laplace", 0, (0.1, 0.2)), ("rfm", 0, (0.0, 0.0)), ("rfm", 2, (0.4, 0.9)))
        for n, value in zip((500, 1000), values, strict=True)
    ]
    rows += [
        {"model": model, "n": 500, "iteration": 0, "seed": 0, "value": 0.0} for model in ("network", "rfm_centred")
    ]
    said = polynomials.found_sentences(table(*rows, target="product", metric="r2"), {"product": "$x_1x_2$"})
    assert said.startswith(
        "- $x_1x_2$: at n = 1,000 the test $R^2$ is 0.200 for the Laplace kernel and 0.900 for RFM. "
    )
    assert "Laplace kernel for no n of this run; RFM from n = 1,000 on;" in said


@WAYS
def test_tabular(down):
    rows = []
    for i, dataset in enumerate(("iris", "wine", "zoo")):
        for protocol in tabular.PROTOCOLS:
            for method, accuracy in (("rfm", 0.8), ("laplace", 0.8 + 0.01 * i * (1 if down else -1))):
                about = {"dataset": dataset, "protocol": protocol, "method": method, "fold": 0}
                rows.append(about | {"metric": "accuracy", "value": accuracy})
    said = tabular.found_sentences(table(*rows))
    low, _, high = interval([0.0, -1.0, -2.0] if down else [0.0, 1.0, 2.0])
    mean = "-1.00" if down else "+1.00"
    counts = "(better in 0, equal in 1, worse in 2)" if down else "(better in 2, equal in 1, worse in 0)"
    assert (
        f"is {mean} points (95 % interval over sets {low:+.2f} to {high:+.2f}) with M learned on the tuning half, which holds test rows "
        f"{counts}" in said
    )
    assert f"the means are 80.00 % and {'81.00' if down else '79.00'} %." in said
    assert (
        "the best first: Laplace kernel 1.17 and RFM 1.83"
        if down
        else "the best first: RFM 1.17 and Laplace kernel 1.83"
    ) in said
    assert "the ranks of Laplace kernel differ from RFM's by less." in said


@WAYS
def test_departures(down):
    released = (1.0, 0.5) if down else (1.0, 0.01)
    rows = [
        {"variant": variant, "step": step, "value": value}
        for variant, curve in (("paper", (1.0, 0.02)), ("released", released))
        for step, value in enumerate(curve, start=1)
    ]
    summarised = departures.summary(table(*rows, dataset="digits", departure=2, quantity="NC1"))
    said = departure_notes.found_sentences(summarised)
    measured = f"1 of {len(departures.DEPARTURES)} departures were measured, and"
    if down:
        assert f"{measured} 1 of them changes the paper's conclusion: number 2." in said
        assert "NC1: the paper's yes (1 to 0.02) and the released code's no (1 to 0.5)." in said
    else:
        assert said == f"- Digits: {measured} 0 of them change the paper's conclusion."
