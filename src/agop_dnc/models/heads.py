"""Change a network's head: batch normalisation, features of another dimension, and a readout that is fixed to a simplex.

Every function returns a new head around the same backbone; what it takes over keeps its weights, so that networks of one seed
differ in nothing but what is changed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..collapse.layer_agop import random_frame
from ..randomness import generator
from .networks import Network


def with_batch_norm(network: Network) -> Network:
    """Return the network with batch normalisation between each hidden linear layer of its head and what follows it."""
    layers: list[nn.Module] = []
    for module in list(network.head)[:-1]:
        layers.append(module)
        if isinstance(module, nn.Linear):
            layers.append(nn.BatchNorm1d(module.out_features))
    return Network(network.backbone, nn.Sequential(*layers, network.head[-1]))


def with_features(network: Network, d: int, seed: int) -> Network:
    """Return the network with a linear layer of d features, without a ReLU, before its readout.

    A simplex needs features of both signs: its vertices sum to 0, so that in K−1 dimensions they cannot all be the outputs of a
    ReLU. The new layer and the readout are initialised as PyTorch does linear layers, uniform on ±1/√inputs.

    Args:
        network: A network whose head ends in a readout.
        d: The number of features.
        seed: Of the two layers' weights.
    """
    *hidden, readout = list(network.head)
    assert isinstance(readout, nn.Linear)
    features = _linear(readout.in_features, d, seed, "features")
    return Network(
        network.backbone, nn.Sequential(*hidden, features, _linear(d, readout.out_features, seed, "readout"))
    )


def with_fixed_simplex(network: Network, seed: int) -> Network:
    """Return the network with its readout replaced by a simplex (see :func:`simplex`), which training leaves alone.

    Args:
        network: A network whose readout takes K−1 features or more.
        seed: Of the simplex's directions.
    """
    *hidden, readout = list(network.head)
    assert isinstance(readout, nn.Linear)
    fixed = _blank(readout.in_features, readout.out_features).to(readout.weight)
    with torch.no_grad():
        fixed.weight.copy_(simplex(readout.out_features, readout.in_features, seed))
    fixed.weight.requires_grad_(False)
    return Network(network.backbone, nn.Sequential(*hidden, fixed))


def simplex(K: int, d: int, seed: int) -> Tensor:
    r"""Return K unit vectors of R^d with inner products −1/(K−1), as rows, in random directions and float64.

    With V the K×(K−1) orthonormal basis of the complement of 1 and Q: d×(K−1) random orthonormal columns, the rows of
    √(K/(K−1)) V Qᵀ have the Gram matrix K/(K−1) (I − 11ᵀ/K).

    Args:
        K: The number of vertices.
        d: The dimension.
        seed: Of the directions.

    Raises:
        ValueError: If d < K − 1, where there is no simplex.

    >>> simplex(3, 2, seed=0) @ simplex(3, 2, seed=0).T
    tensor([[ 1.0000, -0.5000, -0.5000],
            [-0.5000,  1.0000, -0.5000],
            [-0.5000, -0.5000,  1.0000]], dtype=torch.float64)
    """
    if d < K - 1:
        raise ValueError(f"a simplex of {K} vertices takes {K - 1} dimensions, not {d}")
    Q = random_frame(d, K - 1, generator(seed, "simplex", K, d))
    rows: Tensor = (K / (K - 1)) ** 0.5 * _helmert(K) @ Q.T
    return rows


def _helmert(K: int) -> Tensor:
    """Return an orthonormal basis of the vectors of R^K that sum to 0, as columns (K×(K−1))."""
    basis = torch.zeros(K, K - 1, dtype=torch.float64)
    for j in range(1, K):
        basis[:j, j - 1], basis[j, j - 1] = 1.0, -float(j)
        basis[:, j - 1] /= (j * (j + 1)) ** 0.5
    return basis


def _linear(inputs: int, outputs: int, seed: int, purpose: str) -> nn.Linear:
    """Return a linear layer without bias and PyTorch's initialisation, drawn for a seed, its purpose and its size."""
    layer = _blank(inputs, outputs)
    drawn = torch.rand(outputs, inputs, generator=generator(seed, "head", purpose, inputs, outputs))
    with torch.no_grad():
        layer.weight.copy_((2 * drawn - 1) / inputs**0.5)
    return layer


def _blank(inputs: int, outputs: int) -> nn.Linear:
    """Return a linear layer without bias whose weights are still to be set; PyTorch's own draw would move the global generator."""
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=False)  # type: ignore[no-untyped-call]
    return layer
