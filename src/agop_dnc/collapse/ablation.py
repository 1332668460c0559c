r"""The ablation of a layer's singular value decomposition, truncated (paper, Section 6, Figures 2, 7 to 9).

For a layer with W = U S Vᵀ and input Φ: what of the collapse is due to S Vᵀ, and what to the non-linearity after U? The NC1
of Φ, S VᵀΦ and the output are rows of every measurement (see :func:`.network.measure`), as U is an isometry and S VᵀΦ has the
metrics of WΦ. Here are, beyond the paper, the same with the r largest singular values alone, and with powers of the layer's
AGOP in the place of S Vᵀ, which by the Neural Feature Ansatz WᵀW ∝ AGOP^{1/2} should do the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .layer_agop import LayerAgop
from .metrics import ClassMeans, Scatter, nearest_mean
from .points import Choice
from .session import Chunk, Session, Site

POWERS = {"agop_root": 0.5, "agop_fourth_root": 0.25}
METRICS = ("nc1", "nc1_pinv", "nearest_mean_accuracy")


def truncations(session: Session, ranks: Sequence[int], S: Sequence[Tensor]) -> list[dict[str, Any]]:
    r"""Return rows of the truncated ablation of every layer of a session.

    With U_r, S_r, V_r the r largest singular values of W and their vectors, and λ, P the AGOP's eigenvalues and eigenvectors:

    - `right`: S_r V_rᵀΦ;
    - `output`: what enters the next layer if this one computes U_r S_r V_rᵀΦ + b. The bias b stays whole whatever r is, so
      that at the full rank this is the layer's own output. If more than a ReLU is between the layers, or paths around them,
      the network runs again with the truncated layer in it;
    - `agop_root`, `agop_fourth_root`: λ_r^{1/2} P_rᵀΦ and λ_r^{1/4} P_rᵀΦ, as AGOP^{1/2}Φ but for an isometry. By the ansatz
      the fourth root takes the place of S Vᵀ;
    - `input`: Φ itself, which has no rank.

    Args:
        session: the network with its points, entered.
        ranks: numbers of singular values to keep; all of them is always among the rows, and stands for larger numbers.
        S: the layers' mean outer products of the gradients (see :func:`.network.gradient_outer_products`).

    Returns:
        Rows with layer, name, component, rank (None for the input), metric (`nc1`, `nc1_pinv` and
        `nearest_mean_accuracy`, the share of points nearest to their own class's mean) and value.

    Raises:
        ValueError: if there are no classes, or a rank is below 1.
    """
    if session.targets.codes is None:
        raise ValueError(f"the ablation compares classes, but {session.targets.why}")
    if any(rank < 1 for rank in ranks):
        raise ValueError(f"ranks must be 1 or more, not {min(ranks)}")
    rows = []
    for site, s in zip(session.sites, S, strict=True):
        session.say(f"ablation of layer {site.index} of {len(session.sites)}, {site.name}")
        ablation = _Ablation(session, site, LayerAgop(site.layer.weight, s), ranks)
        rows += list(ablation.rows())
    return rows


class _Ablation:
    """The truncated decomposition of one layer."""

    def __init__(self, session: Session, site: Site, agop: LayerAgop, ranks: Sequence[int]) -> None:
        self.session, self.site = session, site
        U, s, Vt = torch.linalg.svd(site.layer.weight.double(), full_matrices=False)
        self.U, self.right_map = U, s[:, None] * Vt
        self.powers = {name: agop.eigenmap(power) for name, power in POWERS.items()}
        self.ranks = sorted({min(rank, len(s)) for rank in ranks} | {len(s)})
        self._through_relu = session.trace.only_relu_before(site.successor, site.key) and site.layer.channels == -1

    def rows(self) -> Iterator[dict[str, Any]]:
        means: dict[tuple[str, int | None], ClassMeans] = {}
        for _, codes, features in self._features():
            for key, X in features:
                means.setdefault(key, ClassMeans(self.session.targets.K)).add(X, codes)
        scatters = {key: Scatter(mean.means) for key, mean in means.items()}
        right, N = dict.fromkeys(scatters, 0), 0
        for chunk, codes, features in self._features():
            N += len(chunk)
            for key, X in features:
                scatters[key].add(X, codes)
                right[key] += int((nearest_mean(X, scatters[key].means) == codes).sum())
        for (component, rank), scatter in scatters.items():
            values = scatter.collapse | {"nearest_mean_accuracy": right[component, rank] / N}
            for metric in METRICS:
                yield {
                    "layer": self.site.index,
                    "name": self.site.name,
                    "component": component,
                    "rank": rank,
                    "metric": metric,
                    "value": values[metric],
                }

    def _features(self) -> Iterator[tuple[Chunk, Tensor, Iterator[tuple[tuple[str, int | None], Tensor]]]]:
        for chunk in self.session.chunks():
            assert chunk.codes is not None
            yield chunk, chunk.codes, self._of_chunk(chunk)

    def _of_chunk(self, chunk: Chunk) -> Iterator[tuple[tuple[str, int | None], Tensor]]:
        layer, key = self.site.layer, self.site.key
        x, layout = chunk.inputs[key].double(), self.session.trace.outputs[key]
        yield ("input", None), self.session.features(("input", key), chunk)
        right = layer.apply(self.right_map, x)
        maps = {"right": right} | {name: layer.apply(A, x) for name, A in self.powers.items()}
        for component, coordinates in maps.items():
            for rank in self.ranks:
                some = coordinates.narrow(layer.channels, 0, min(rank, coordinates.shape[layer.channels]))
                yield (component, rank), self.session.reduced(some, layout, len(chunk), layer.channels)
        for rank in self.ranks:
            yield ("output", rank), self._output(rank, right, chunk)

    def _output(self, rank: int, right: Tensor, chunk: Chunk) -> Tensor:
        layer = self.site.layer
        if self._through_relu:
            z = layer.with_bias(right[..., :rank] @ self.U[:, :rank].T).relu()
            return self.session.reduced(z, self.session.trace.outputs[self.site.key], len(chunk), layer.channels)
        A = self.U[:, :rank] @ self.right_map[:rank]
        truncated = self.session.replacing(
            self.site, lambda x: layer.with_bias(layer.apply(A, x.double())).to(x.dtype), chunk
        )
        return self.session.features(("input", self.site.successor), truncated)


def ablate(
    network: nn.Module,
    X: Any,
    y: Any = None,
    ranks: Sequence[int] = (),
    layers: Sequence[str] | None = None,
    output: Choice = None,
) -> list[dict[str, Any]]:
    """Return the rows of :func:`truncations` for a network and points, without the rest of a measurement."""
    from .network import CHUNK, mean_products

    with Session(network, X, y, layers, most=CHUNK, output=output) as session:
        return truncations(session, ranks, mean_products(session))
