"""Targets of standard normal inputs whose gradient and expected gradient outer product are known in closed form.

The expected gradient outer product of f is EGOP(f) = E[∇f(x) ∇f(x)ᵀ] with x ~ N(0, I_d). What an estimator makes of n points
can be compared with it. Coordinates are counted from 1 in the formulas and from 0 in the code.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import did_you_mean
from ..randomness import generator

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Target:
    """A function of d standard normal inputs.

    Attributes:
        name: A short name, one of :data:`TARGETS` or `hermite_pair`.
        formula: The function in symbols.
        function: X (n×d) ↦ f(X), n values.
        gradient: X (n×d) ↦ ∇f(X), n×d.
        egop: E[∇f ∇fᵀ], d×d in float64.
    """

    name: str
    formula: str
    function: Function
    gradient: Function
    egop: Tensor

    @property
    def d(self) -> int:
        """Return the number of inputs."""
        return len(self.egop)

    def sample(self, n: int, seed: int, noise: float = 0.0) -> tuple[Tensor, Tensor]:
        """Draw n points x ~ N(0, I_d) and y = f(x) + noise·ε with ε ~ N(0, 1).

        The points and ε do not depend on the size of the noise.

        Args:
            n: How many points.
            seed: The seed of the draw.
            noise: The noise's standard deviation.

        Returns:
            X (n×d) and y (n), float64.
        """
        X = torch.randn(n, self.d, dtype=torch.float64, generator=generator(seed, "synthetic points", self.name))
        epsilon = torch.randn(n, dtype=torch.float64, generator=generator(seed, "synthetic noise", self.name))
        return X, self.function(X) + noise * epsilon


def product(d: int) -> Target:
    """Return x₁x₂, with EGOP diag(1, 1, 0, …)."""

    def gradient(X: Tensor) -> Tensor:
        return _columns(X, X[:, 1], X[:, 0])

    return Target("product", "x₁x₂", lambda X: X[:, 0] * X[:, 1], gradient, _block(d, torch.eye(2)))


def squared_sum(d: int) -> Target:
    """Return (x₁+x₂)², with EGOP 8·11ᵀ on x₁, x₂: 4·E[s²]·11ᵀ, s ~ N(0, 2)."""

    def gradient(X: Tensor) -> Tensor:
        slope = 2 * (X[:, 0] + X[:, 1])
        return _columns(X, slope, slope)

    return Target(
        "squared_sum", "(x₁+x₂)²", lambda X: (X[:, 0] + X[:, 1]) ** 2, gradient, _block(d, 8 * torch.ones(2, 2))
    )


def sine_of_sum(d: int) -> Target:
    """Return sin(x₁+x₂), with EGOP (1+e⁻⁴)/2·11ᵀ on x₁, x₂: E[cos² s]·11ᵀ, s ~ N(0, 2)."""

    def gradient(X: Tensor) -> Tensor:
        slope = torch.cos(X[:, 0] + X[:, 1])
        return _columns(X, slope, slope)

    egop = _block(d, (1 + math.exp(-4)) / 2 * torch.ones(2, 2, dtype=torch.float64))
    return Target("sine_of_sum", "sin(x₁+x₂)", lambda X: torch.sin(X[:, 0] + X[:, 1]), gradient, egop)


def absolute_sum(d: int) -> Target:
    """Return |x₁+x₂+x₃|, with EGOP 11ᵀ on x₁, x₂, x₃, as the slope is ±1."""

    def gradient(X: Tensor) -> Tensor:
        sign = torch.sign(X[:, :3].sum(1))
        return _columns(X, sign, sign, sign)

    return Target("absolute_sum", "|x₁+x₂+x₃|", lambda X: X[:, :3].sum(1).abs(), gradient, _block(d, torch.ones(3, 3)))


def gaussian_bump(d: int) -> Target:
    """Return exp(−x₁²−x₂²), with EGOP 4·5⁻²·I = 0.16·I on x₁, x₂.

    E[x²e^{−2x²}] = 5^{−3/2} and E[e^{−2x²}] = 5^{−1/2}.
    """

    def function(X: Tensor) -> Tensor:
        return torch.exp(-(X[:, 0] ** 2) - X[:, 1] ** 2)

    def gradient(X: Tensor) -> Tensor:
        return _columns(X, -2 * X[:, 0] * function(X), -2 * X[:, 1] * function(X))

    egop = _block(d, 4 / 25 * torch.eye(2, dtype=torch.float64))
    return Target("gaussian_bump", "exp(−x₁²−x₂²)", function, gradient, egop)


def staircase(d: int) -> Target:
    """Return x₁+x₁x₂+x₁x₂x₃, with EGOP diag(3, 2, 1, 0, …)."""

    def function(X: Tensor) -> Tensor:
        return X[:, 0] + X[:, 0] * X[:, 1] + X[:, 0] * X[:, 1] * X[:, 2]

    def gradient(X: Tensor) -> Tensor:
        x, y, z = X[:, 0], X[:, 1], X[:, 2]
        return _columns(X, 1 + y + y * z, x + x * z, x * y)

    egop = _block(d, torch.diag(torch.tensor([3.0, 2.0, 1.0])))
    return Target("staircase", "x₁+x₁x₂+x₁x₂x₃", function, gradient, egop)


def parabola_and_line(d: int) -> Target:
    """Return x₁²+2x₂, with EGOP diag(4, 4, 0, …), of which centred gradients keep diag(4, 0, 0, …) only."""

    def gradient(X: Tensor) -> Tensor:
        return _columns(X, 2 * X[:, 0], torch.full_like(X[:, 1], 2.0))

    return Target(
        "parabola_and_line", "x₁²+2x₂", lambda X: X[:, 0] ** 2 + 2 * X[:, 1], gradient, _block(d, 4 * torch.eye(2))
    )


def hermite_pair(u: Tensor, v: Tensor, p: int) -> Target:
    """Return He₂(u·x)/√2 + He_p(v·x)/√p! for unit vectors u and v (of the class of Damian et al., COLT 2022).

    He_p is the probabilists' Hermite polynomial. As He_p' = p He_{p−1} and E[He_j(u·x) He_k(v·x)] = δ_jk k! (u·v)^k, the EGOP is
    2uuᵀ + p vvᵀ, and for p = 2 also 2(u·v)(uvᵀ + vuᵀ).

    Args:
        u: d entries of norm 1.
        v: d entries of norm 1; :func:`orthonormal_pair` draws both.
        p: The second polynomial's degree, at least 1.

    Raises:
        ValueError: If u or v is no unit vector, or p is less than 1.
    """
    u, v = u.double(), v.double()
    if u.ndim != 1 or u.shape != v.shape or any(abs(float(w.norm()) - 1) > 1e-9 for w in (u, v)):
        raise ValueError("u and v must be vectors of one length and of norm 1; divide them by their norms")
    if p < 1:
        raise ValueError(f"p is {p}; the degree must be at least 1")

    def function(X: Tensor) -> Tensor:
        return hermite(2, X @ u) / math.sqrt(2) + hermite(p, X @ v) / math.sqrt(math.factorial(p))

    def gradient(X: Tensor) -> Tensor:
        slope = p / math.sqrt(math.factorial(p)) * hermite(p - 1, X @ v)
        return math.sqrt(2) * torch.outer(X @ u, u) + torch.outer(slope, v)

    egop = 2 * torch.outer(u, u) + p * torch.outer(v, v)
    if p == 2:
        egop += 2 * (u @ v) * (torch.outer(u, v) + torch.outer(v, u))
    return Target("hermite_pair", f"He₂(u·x)/√2 + He_{p}(v·x)/√{p}!", function, gradient, egop)


def orthonormal_pair(d: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return two orthonormal vectors of length d, drawn uniformly."""
    drawn = torch.randn(d, 2, dtype=torch.float64, generator=generator(seed, "orthonormal pair"))
    Q, R = torch.linalg.qr(drawn)
    Q = Q * torch.sign(torch.diagonal(R))  # without which the signs are those of the factorisation
    return Q[:, 0].contiguous(), Q[:, 1].contiguous()


def hermite(p: int, t: Tensor) -> Tensor:
    """Return the probabilists' Hermite polynomial He_p(t), by He_{k+1} = t He_k − k He_{k−1}.

    >>> hermite(3, torch.tensor([2.0]))  # t³ − 3t
    tensor([2.])
    """
    before, now = torch.zeros_like(t), torch.ones_like(t)
    for k in range(p):
        before, now = now, t * now - k * before
    return now


TARGETS: dict[str, Callable[[int], Target]] = {
    "product": product,
    "squared_sum": squared_sum,
    "sine_of_sum": sine_of_sum,
    "absolute_sum": absolute_sum,
    "gaussian_bump": gaussian_bump,
    "staircase": staircase,
    "parabola_and_line": parabola_and_line,
}


def target(name: str, d: int) -> Target:
    """Return the target of a name in d dimensions.

    Raises:
        ValueError: If there is no such target, or it needs more dimensions.
    """
    if name not in TARGETS:
        raise ValueError(f"there is no target '{name}'{did_you_mean(name, TARGETS)}")
    return TARGETS[name](d)


def _columns(X: Tensor, *columns: Tensor) -> Tensor:
    """n×d with the given first columns and zeros in the others."""
    result = torch.zeros_like(X)
    result[:, : len(columns)] = torch.stack(columns, 1)
    return result


def _block(d: int, block: Tensor) -> Tensor:
    """d×d in float64 with the block in its corner and zeros elsewhere."""
    if d < len(block):
        raise ValueError(f"d is {d}; this target needs at least {len(block)} dimensions")
    result = torch.zeros(d, d, dtype=torch.float64)
    result[: len(block), : len(block)] = block
    return result
