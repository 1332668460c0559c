r"""What a kernel machine f(x) = k(x, X) α asks of its kernel.

Every kernel gives its matrix and the AGOP of its machines: that is a :class:`Kernel`. A :class:`PairKernel` moreover is a function of one
number per pair of points, a distance or an inner product, which the solve and the AGOP can share; its gradient is
∇_x k(x, z) = w(x, z) (z − x) or w(x, z) z with a *slope* w.
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Kernel(Protocol):
    """A kernel k: R^d × R^d → R."""

    def matrix(self, X: Tensor, Z: Tensor | None = None) -> Tensor:
        """Return k(x_i, z_j) for the rows of X (n×d) and Z (m×d, X itself if not given): n×m."""

    def agop(self, X: Tensor, alpha: Tensor) -> Tensor:
        """Return the AGOP (d×d) at X (n×d) of the machine k(·, X) α with coefficients alpha (n×K)."""


class PairKernel(Kernel, Protocol):
    """A kernel that is a function of one number per pair of points."""

    @property
    def translation_invariant(self) -> bool:
        """Return whether ∇_x k(x, z) = w (z − x), as for a function of the distance, or w z, as for one of the inner product."""

    def pairs(self, X: Tensor, Z: Tensor | None = None) -> Tensor:
        """Return the pairs' numbers, n×m for X (n×d) and Z (m×d, X itself if not given)."""

    def value_(self, pairs: Tensor) -> Tensor:
        """Return k, in place of the pairs' numbers."""

    def slope_(self, pairs: Tensor) -> Tensor:
        """Return w, in place of the pairs' numbers."""
