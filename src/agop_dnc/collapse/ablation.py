r"""The ablation of a layer's singular value decomposition (paper, Section 6, Figures 2, 7 to 9).

For a hidden layer with W = U S Vᵀ and input Φ: what of the collapse is due to S Vᵀ, and what to the non-linearity after U?
Beyond the paper, the same with the top r singular directions alone, and with the root of the layer's AGOP in place of S Vᵀ,
which by the Neural Feature Ansatz should do the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .layer_agop import LayerAgop

Map = Callable[[Tensor], Tensor]


def ablate_layer(W: Tensor, ranks: Sequence[int] = (), agop: LayerAgop | None = None) -> dict[str, Map]:
    """Maps from a layer's input (n×d) to the features to be compared, by component.

    `input`: Φ; `right`: S VᵀΦ; `output`: ReLU(U S VᵀΦ). For r in ranks below the rank of W's smaller side, `right_top_r` and
    `output_top_r`: the same with the r largest singular values kept; for others, all are kept. With `agop`, `agop`:
    AGOP^{1/2} Φ, in coordinates that keep inner products. W: width×d, decomposed in float64.

    >>> maps = ablate_layer(torch.tensor([[3.0, 0.0], [0.0, -2.0]]), ranks=[1])
    >>> {name: m(torch.tensor([[1.0, 1.0]])).tolist() for name, m in maps.items() if "output" in name}
    {'output': [[3.0, 0.0]], 'output_top_1': [[3.0, 0.0]]}
    """
    U, S, Vt = torch.linalg.svd(W.double(), full_matrices=False)

    def right(r: int) -> Map:
        return lambda phi: (phi.double() @ Vt[:r].T) * S[:r]

    def output(r: int) -> Map:
        return lambda phi: (right(r)(phi) @ U[:, :r].T).relu()

    maps: dict[str, Map] = {"input": lambda phi: phi, "right": right(len(S)), "output": output(len(S))}
    for r in ranks:
        maps |= {f"right_top_{r}": right(r), f"output_top_{r}": output(r)}
    if agop is not None:
        maps["agop"] = agop.root_features
    return maps
