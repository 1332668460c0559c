"""The two kinds of models of the study, RFMs and fully connected networks, with the diagonals of their M, NFM and AGOP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from ...collapse.gradients import relu_stack_products
from ...errors import UserError
from ...kernels.blocks import row_chunks
from ...models.networks import Network, build, hidden_linear_layers
from ...models.rfm import Settings, iterates
from ...models.sgd import Velocity, stepper
from ...randomness import generator

HIDDEN_LAYERS = 2
Diagonals = Mapping[str, Tensor]


@dataclass(frozen=True)
class Fitted:
    """A model after its training.

    Attributes:
        predict: Takes points (n×d) to labels (n).
        stages: The diagonals (d each) of `agop` and, of networks, `nfm`, by updates of M or steps of SGD; the first are those of the start.
    """

    predict: Callable[[Tensor], Tensor]
    stages: Mapping[int, Diagonals]

    @property
    def diagonals(self) -> Diagonals:
        """Return the diagonals at the end of training."""
        return self.stages[max(self.stages)]

    def accuracy(self, X: Tensor, y: Tensor) -> float:
        """Return the share of points (n×d) whose label (n) is predicted."""
        return float((self.predict(X) == y.to(X.device)).double().mean())


def fit(kind: str, X: Tensor, y: Tensor, settings: Mapping[str, Any], seed: int, kept: Tensor | None = None) -> Fitted:
    """Fit a model to points (n×d) with labels (n).

    Args:
        kind: `rfm` or `network`.
        X: Points, on the device where the model is fitted.
        y: Labels 0 … K−1.
        settings: The study's settings.
        seed: Of a network's weights and batches.
        kept: Indices of the inputs (columns of X) that the model is given; all if not given.

    Returns:
        The model, which takes points with all their inputs; its diagonals are those of the inputs that it is given.

    Raises:
        UserError: If a network with all inputs has diverged, or ended with an AGOP of 0.
    """
    chosen = X if kept is None else X[:, kept.to(X.device)]
    targets = nn.functional.one_hot(y, int(y.max()) + 1).to(X)
    if kind == "rfm":
        fitted = _fit_rfm(chosen, targets, settings)
    else:
        network = start_network(X.shape[1], targets.shape[1], settings, seed, kept).to(X.device)
        fitted = _fit_network(network, chosen.float(), targets.float(), settings, seed)
    if kept is None:
        if kind == "network" and not 0 < float(fitted.diagonals["agop"].sum()) < torch.inf:
            raise UserError(
                f"a network diverged, or all its units are off, with learning rate {settings['learning_rate']:g} and momentum "
                f"{settings['momentum']:g}; lower phenomena.learning_rate"
            )
        return fitted
    return Fitted(lambda points: fitted.predict(points[:, kept.to(points.device)]), fitted.stages)


def _fit_rfm(X: Tensor, targets: Tensor, settings: Mapping[str, Any]) -> Fitted:
    names = ("bandwidth", "ridge", "iterations", "precision")
    stages = {}
    # With its largest entry 1, M does not depend on the size of the targets, and thresholds are shares of it.
    for iterate in iterates(X, targets, Settings(**{name: settings[name] for name in names}, agop_scale="max")):
        stages[iterate.iteration] = {"agop": iterate.M.diagonal().double().cpu()}
    return Fitted(lambda points: iterate(points.to(iterate.root)).argmax(1), stages)


def start_network(d: int, classes: int, settings: Mapping[str, Any], seed: int, kept: Tensor | None = None) -> Network:
    """Return an untrained network d → width → width → K; with some inputs left out, the others keep the weights that they had with all."""
    network = build(
        "mlp",
        (1, 1, d),
        classes,
        seed=seed,
        hidden_layers=HIDDEN_LAYERS,
        width=settings["width"],
        init_scale=settings["init_scale"],
    )
    if kept is not None:
        first = hidden_linear_layers(network.head)[0]
        first.weight = nn.Parameter(first.weight.detach()[:, kept].clone())
        first.in_features = len(kept)
    return network


def _fit_network(network: Network, X: Tensor, targets: Tensor, settings: Mapping[str, Any], seed: int) -> Fitted:
    steps, batch_size = settings["steps"], settings["batch_size"]
    stages = {0: network_diagonals(network, X)}
    velocity = Velocity(network, settings["momentum"])
    step = stepper(network, velocity, X, targets, settings["learning_rate"], batch_size)
    done = 0
    for epoch in count(1):
        order = torch.randperm(len(X), generator=generator(seed, "phenomena batches", epoch)).to(X.device)
        for batch in torch.split(order, batch_size)[: steps - done]:
            step(batch)
            done += 1
        if done == steps:
            break
    stages[steps] = network_diagonals(network, X)

    @torch.no_grad()
    def predict(points: Tensor) -> Tensor:
        labels: Tensor = network(points.to(X)).argmax(1)
        return labels

    return Fitted(predict, stages)


@torch.no_grad()
def network_diagonals(network: Network, X: Tensor) -> Diagonals:
    """Return the diagonals (d) of the first layer's NFM WᵀW and of the AGOP (1/n) Σ_ik ∇f_k(x_i)∇f_k(x_i)ᵀ at points X (n×d), in float64.

    With S the mean outer product of the gradients at the first layer's pre-activations, AGOP = WᵀSW.
    """
    weights = [layer.weight for layer in network.head if isinstance(layer, nn.Linear)]
    W = weights[0].double()
    S = torch.zeros(len(W), len(W), dtype=torch.float64, device=W.device)
    for rows in row_chunks(len(X), 4 * len(W) * len(weights[-1])):
        h, preactivations = X[rows], []
        for V in weights[:-1]:
            preactivations.append(h @ V.T)
            h = preactivations[-1].relu()
        S += relu_stack_products(weights, preactivations)[0].double()
    agop = (W * (S @ W)).sum(0) / len(X)
    return {"nfm": W.square().sum(0).cpu(), "agop": agop.cpu()}
