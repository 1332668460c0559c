r"""The convolutional neural tangent kernel (CNTK) with a vectorised readout, and the AGOP over patches of its predictors.

The network: a q×q convolution of stride 1 without padding and √2·ReLU, `depth` times, then one dense layer on all
positions; no bias, no pooling, every layer trained, infinitely wide. With such a readout only equal positions of the two
images meet, so that a pair of images costs O(depth · height · width). A matrix M in the first layer replaces the inner
product of patches, xᵀz, by xᵀMz.

For images x, x′ and position p, with patches x_p and x′_p in R^d, d = Cq²:

- first layer: S_p = x_pᵀMx′_p, N_p = x_pᵀMx_p, N′_p = x′_pᵀMx′_p, T = S;
- each layer: R = √(NN′ − S²), θ = atan2(R, S), κ = 1 − θ/π; A = S + (R − Sθ)/π, Θ = Tκ;
- the next layer's S, T and N are Box(A), Box(Θ) + Box(A) and Box(N), sums over q×q windows;
- K(x, x′) = mean_p Θ + mean_p A after the last layer.

Images are kept flat with rows of their full width W in every layer, so that the window at p is p + W·row + column.
A flat index whose window runs over the end of a row belongs to no position; what is computed there is finite and counts
with weight 0.

Precision. NN′ − S² cancels when two patches are nearly parallel: in float32 it would leave an error of 3e-4 in θ. Hence S,
N and A are in float64 in either precision, and only angles and Θ are in that of the images. Where NN′ − S² is within the
rounding of float64 of 0, below 2⁻⁴⁶NN′ or θ < 1.2e-7, patches count as parallel: R = θ = 0.

Source: Arora et al., *On exact computation with an infinitely wide neural net*, 2019, for the kernel; Radhakrishnan et al.,
arXiv 2309.00570, for M and the AGOP over patches. The gradient is in :meth:`ConvolutionalNTK.patch_agop`.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .agop import matrix_sqrt
from .ntk_tiles import slices, sweep_images, tile_memory, tile_side
from .patches import Geometry

# Patches are parallel where NN′ − S² is at most this share of NN′: 64 units in the last place of float64.
PARALLEL = 2.0**-46
BACKENDS = ("auto", "numba", "torch")


@dataclass(frozen=True)
class Prepared:
    """What a tile's images bring to each of their pairs.

    U: n×r×L, with S_p the sum over r of products of two images' U, box-summed if L is the images' own length.
    roots: n×ΣL, √N of every layer, one after the other, in float64.
    """

    U: Tensor
    roots: Tensor

    def __getitem__(self, images: slice) -> Prepared:
        return Prepared(self.U[images], self.roots[images])


@dataclass(frozen=True)
class ConvolutionalNTK:
    """CNTK of `depth` convolutions with filters of `filter_size`×`filter_size` pixels and a vectorised readout.

    Attributes:
        filter_size: q, the side of the filters.
        depth: Number of convolutional layers.
        backend: `numba` for fused loops on the CPU, `torch` for PyTorch on any device; `auto` takes `numba` for images on
            the CPU if numba is installed.

    >>> kernel = ConvolutionalNTK(filter_size=2, depth=1)
    >>> X = torch.ones(1, 1, 2, 2)
    >>> kernel.matrix(X, X), kernel.matrix(X, 2 * X)  # one patch with S = N = 4, and Θ = A = S
    (tensor([[8.]]), tensor([[16.]]))
    """

    filter_size: int = 3
    depth: int = 3
    backend: str = "auto"

    def __post_init__(self) -> None:
        for name in ("filter_size", "depth"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be an integer of 1 or more, not {value!r}")
        if self.backend not in BACKENDS:
            raise ValueError(f"unknown backend {self.backend!r}; known are {', '.join(BACKENDS)}")

    def matrix(self, X: Tensor, Z: Tensor, M: Tensor | None = None) -> Tensor:
        """Return the kernel matrix K(x_i, z_j | M), n×m, in the images' precision and on their device.

        If Z is X itself, half of the matrix is copied from the other half and its diagonal is set from
        :meth:`diagonal`. Memory besides the result is bounded whatever n and m.

        Args:
            X: Images, n×C×H×W.
            Z: Images, m×C×H×W.
            M: Symmetric positive semi-definite d×d matrix for patches in (channel, row, column) order, d = Cq²; the
                identity if None.

        Returns:
            The n×m kernel matrix.

        Raises:
            ValueError: If shapes do not agree, values are not finite, or images are smaller than the network's windows.
        """
        geometry, root = self._checked(X, Z, M)
        fused, symmetric = self._fused(X), Z is X
        if len(Z) > len(X):  # the inner loop's images are prepared more often
            return self.matrix(Z, X, M).T.contiguous()
        K = X.new_empty(len(X), len(Z))
        x_scale, z_scale = _power_of_two(X), _power_of_two(Z)
        side = tile_side(geometry, X, root, fused)
        tiles = slices(len(Z), side)
        kept = _prepare(Z * z_scale, root, geometry) if len(tiles) == 1 else None
        for rows in slices(len(X), side):
            A = kept if symmetric and kept else _prepare(X[rows] * x_scale, root, geometry)
            for columns in tiles:
                if symmetric and columns.start < rows.start:
                    K[rows, columns] = K[columns, rows].T
                    continue
                B = A if symmetric and columns == rows else kept or _prepare(Z[columns] * z_scale, root, geometry)
                K[rows, columns] = _entries(A, B, geometry, fused)
        K.mul_(1 / (x_scale * z_scale))
        if symmetric:
            K.diagonal().copy_(self.diagonal(X, M))
        return K

    def diagonal(self, X: Tensor, M: Tensor | None = None) -> Tensor:
        """Return K(x_i, x_i | M), n values: with R = θ = 0 at every position, A = N and Θ = T in closed form.

        Args:
            X: Images, n×C×H×W.
            M: As for :meth:`matrix`.

        Returns:
            n values in the images' precision.

        Raises:
            ValueError: As :meth:`matrix`.
        """
        geometry, root = self._checked(X, X, M)
        result = X.new_empty(len(X))
        for rows in slices(len(X), tile_side(geometry, X, root, fused=True)):
            N = T = _first_norms(_projected(X[rows], root, geometry), geometry)
            for _ in range(1, self.depth):
                N = geometry.box(N)
                T = geometry.box(T) + N
            result[rows] = ((N + T) @ geometry.weights(self.depth).to(N)).to(X.dtype)
        return result

    def patch_agop(self, X: Tensor, alpha: Tensor, Z: Tensor, M: Tensor | None = None) -> Tensor:
        r"""Return the AGOP over patches of f(z) = Σ_i α_i K(x_i, z | M): d×d, symmetric.

        With g_{c,p}(z) the gradient of output c with respect to the patch at p, as if overlapping patches were independent
        variables, this is the mean over images z and positions p of Σ_c g gᵀ. Bars are derivatives of K(x, z); the primed
        argument is z. From Θ̄ = Ā = 1/P in the last layer, downwards:

        - T̄ = Θ̄κ, S̄ = Āκ + Θ̄T/(πR) + T̄, N̄′ = (ĀR − Θ̄TS/R)/(2πN′) + Boxᵀ(N̄′ of the layer above);
        - Ā and Θ̄ of the layer below are Boxᵀ(S̄) and Boxᵀ(T̄);
        - g_{c,p}(z) = M [Σ_i α_ic S̄_p(x_i, z) x_{i,p} + 2 z_p Σ_i α_ic N̄′_p(x_i, z)].

        One sweep serves all classes. Where patches are parallel, K has a kink, and terms in 1/R count as 0; at a patch of
        zeros, where it has another, so do those in 1/N′, and θ = π/2: both are the means of the one-sided derivatives. As 1/R can be large, everything is computed in float64 whatever the precision of the images.

        Args:
            X: Centres, n×C×H×W.
            alpha: Coefficients, n×K.
            Z: Images at which gradients are taken, m×C×H×W.
            M: As for :meth:`matrix`.

        Returns:
            The d×d matrix in the images' precision.

        Raises:
            ValueError: As :meth:`matrix`, or if there are not as many coefficients as centres.
        """
        geometry, root = self._checked(X, Z, M)
        if alpha.ndim != 2 or len(alpha) != len(X) or not bool(alpha.isfinite().all()):
            raise ValueError(
                f"coefficients must be {len(X)} rows of finite numbers, one per centre, not of shape {tuple(alpha.shape)}"
            )
        fused = self._fused(X)
        scale, alpha = _power_of_two(X), alpha.to(X.device, torch.float64)
        # Patches are multiplied out here even if M is the identity: gradients need them.
        root = (
            torch.eye(X.shape[1] * self.filter_size**2, dtype=torch.float64, device=X.device) if root is None else root
        )
        tiles = slices(len(X), sweep_images(geometry, root, alpha.shape[1]))
        total = torch.zeros_like(root)
        for tile in slices(len(Z), sweep_images(geometry, root, alpha.shape[1])):
            z_tile = _prepare(Z[tile].double() * _power_of_two(Z), root, geometry)
            gradients = z_tile.U.new_zeros(len(z_tile.U), alpha.shape[1], *z_tile.U.shape[1:])
            for rows in tiles:
                x_tile = _prepare(X[rows].double() * scale, root, geometry, unfolded=True)
                for image in range(len(gradients)):
                    _add_gradients(x_tile, alpha[rows], z_tile[image : image + 1], geometry, fused, gradients[image])
            for gradient in gradients:
                flat = gradient.transpose(0, 1).flatten(1)
                total.addmm_(flat, flat.T)
        positions = int((geometry.weights(1) > 0).sum())
        G = (total if root is None else root @ total @ root) / (len(Z) * positions * scale**2)
        return ((G + G.T) / 2).to(X.dtype)

    def _fused(self, X: Tensor) -> bool:
        """Return whether numba's loops are used for these images."""
        installed = importlib.util.find_spec("numba") is not None
        if self.backend == "numba" and not (installed and X.device.type == "cpu"):
            raise ValueError("backend 'numba' needs numba to be installed and images on the CPU; use backend 'torch'")
        return self.backend != "torch" and installed and X.device.type == "cpu"

    def _checked(self, X: Tensor, Z: Tensor, M: Tensor | None) -> tuple[Geometry, Tensor | None]:
        """Check what was given: the windows' geometry, and M^{1/2} in float64."""
        for images in (X, Z):
            if images.ndim != 4 or 0 in images.shape:
                raise ValueError(f"images must be n×C×H×W with none of these 0, not of shape {tuple(images.shape)}")
            if images.dtype not in (torch.float32, torch.float64):
                raise ValueError(f"images must be in float32 or float64, not {images.dtype}; convert them first")
        if X.shape[1:] != Z.shape[1:] or X.dtype != Z.dtype or X.device != Z.device:
            raise ValueError(
                "both sets of images must have the same shape, precision and device, not "
                f"{tuple(X.shape[1:])}, {X.dtype}, {X.device} and {tuple(Z.shape[1:])}, {Z.dtype}, {Z.device}"
            )
        if not (bool(X.isfinite().all()) and bool(Z.isfinite().all())):
            raise ValueError("images must be finite, but some pixels are NaN or infinite; remove or fill them")
        channels, height, width = X.shape[1:]
        window = self.depth * (self.filter_size - 1) + 1
        if min(height, width) < window:
            raise ValueError(
                f"images of {height}×{width} pixels are smaller than the {window}×{window} pixels that {self.depth} "
                f"layers of {self.filter_size}×{self.filter_size} filters need; use smaller filters or fewer layers"
            )
        geometry = Geometry(height, width, self.filter_size, self.depth)
        return geometry, None if M is None else _checked_root(M.to(X.device), channels * self.filter_size**2)


def _checked_root(M: Tensor, d: int) -> Tensor:
    """M^{1/2} in float64, for a symmetric positive semi-definite d×d matrix M."""
    if M.shape != (d, d):
        raise ValueError(
            f"M must be {d}×{d}, as patches have {d} entries (channels times filter_size²), not {tuple(M.shape)}"
        )
    if not bool(M.isfinite().all()):
        raise ValueError("M must be finite, but some of its entries are NaN or infinite")
    M = M.double()
    largest = float(M.abs().max())
    # What float32 leaves of symmetry and of eigenvalues that are 0.
    if float((M - M.T).abs().max()) > 1e-5 * largest:
        raise ValueError("M must be symmetric; pass (M + Mᵀ)/2")
    root = matrix_sqrt((M + M.T) / 2)  # takes negative eigenvalues as 0
    if float((root @ root - M).abs().max()) > 1e-5 * largest:
        raise ValueError("M must be positive semi-definite, but it has a negative eigenvalue")
    return root


def _power_of_two(images: Tensor) -> float:
    """Return a power of two that brings the largest pixel to 1 ± a factor of 2: no rounding, no overflow in float32."""
    largest = float(images.abs().max())
    return 2.0 ** -math.frexp(largest)[1] if largest > 0 else 1.0


def _projected(images: Tensor, root: Tensor | None, geometry: Geometry, unfolded: bool = False) -> Tensor:
    """M^{1/2}x_p at every flat index (n×d×L₁) or, if M is the identity and unless `unfolded`, flat images (n×C×HW)."""
    flat = images.flatten(2)
    if root is None:
        return geometry.patches(flat) if unfolded else flat
    result = images.new_empty(len(images), len(root), geometry.lengths[1])
    # Patches and their projections in float64 need more than what is kept.
    for some in slices(len(images), max(1, tile_memory(images.device) // (64 * len(root) * geometry.lengths[0]))):
        result[some] = root @ geometry.patches(flat[some].double())
    return result


def _first_norms(U: Tensor, geometry: Geometry) -> Tensor:
    """N = S of each image with itself in the first layer, n×L₁ in float64."""
    N = U.double().square().sum(1)
    return geometry.box(N) if U.shape[-1] != geometry.lengths[1] else N


def _prepare(images: Tensor, root: Tensor | None, geometry: Geometry, unfolded: bool = False) -> Prepared:
    U = _projected(images, root, geometry, unfolded).contiguous()
    norms = [_first_norms(U, geometry)]
    for _ in range(1, geometry.depth):
        norms.append(geometry.box(norms[-1]))
    return Prepared(U, torch.cat(norms, dim=1).sqrt_())


def _entries(A: Prepared, B: Prepared, geometry: Geometry, fused: bool) -> Tensor:
    """Return the tile K(x_i, z_j) of scaled images."""
    if fused:
        from . import ntk_numba

        return ntk_numba.entries(A, B, geometry)
    real = A.U.dtype
    *_, last = _layers(_first_products(A.U, B.U, geometry), A.roots[:, None], B.roots, geometry, real)
    weights = geometry.weights(geometry.depth).to(A.roots)
    return (last.A @ weights).to(real) + last.Theta @ weights.to(real)


def _first_products(U: Tensor, V: Tensor, geometry: Geometry) -> Tensor:
    """S of the first layer for all pairs, n×m×L₁ in float64."""
    S = torch.einsum("nrp,mrp->nmp", U.double(), V.double())
    return geometry.box(S) if U.shape[-1] != geometry.lengths[1] else S


@dataclass(frozen=True)
class _Layer:
    """One layer's quantities for a tile of pairs, with positions last."""

    S: Tensor
    T: Tensor
    R: Tensor
    kappa: Tensor
    A: Tensor
    Theta: Tensor


def _layers(S: Tensor, x_roots: Tensor, z_roots: Tensor, geometry: Geometry, real: torch.dtype) -> Iterator[_Layer]:
    """Yield each layer from the first layer's S; x_roots and z_roots are √N of all layers and broadcast to S."""
    T, lengths = S.to(real), list(geometry.lengths[1:])
    for h, h_z in zip(torch.split(x_roots, lengths, -1), torch.split(z_roots, lengths, -1), strict=True):
        product = h * h_z
        squared = (product - S) * (product + S)
        R = torch.where(squared <= PARALLEL * product.square(), 0.0, squared).to(real).sqrt_()
        theta = torch.where(product == 0, math.pi / 2, torch.atan2(R, S.to(real)))
        kappa = 1 - theta / math.pi
        layer = _Layer(S, T, R, kappa, A=S + ((R - S.to(real) * theta) / math.pi).double(), Theta=T * kappa)
        yield layer
        if layer.A.shape[-1] > geometry.lengths[-1] or geometry.filter_size == 1:
            S = geometry.box(layer.A)
            T = geometry.box(layer.Theta) + S.to(real)


def _sweep(A: Prepared, b: Prepared, geometry: Geometry, fused: bool) -> tuple[Tensor, Tensor]:
    """S̄ and N̄′ of the first layer, both n×L₁, for the pairs of n images with one image z."""
    if fused:
        from . import ntk_numba

        return ntk_numba.sweep(A, b, geometry)
    S = _first_products(A.U, b.U, geometry)[:, 0]
    layers = list(_layers(S, A.roots, b.roots, geometry, torch.float64))
    A_bar = Theta_bar = geometry.weights(geometry.depth).to(S)
    N_bar = torch.zeros_like(A_bar)
    norms = torch.split(b.roots.square(), list(geometry.lengths[1:]), -1)
    for index in reversed(range(geometry.depth)):
        layer, N = layers[index], norms[index]
        inverse = torch.where(layer.R == 0, 0.0, 1 / layer.R)
        T_bar = Theta_bar * layer.kappa
        slope = Theta_bar * layer.T * inverse / math.pi
        S_bar = A_bar * layer.kappa + slope + T_bar
        N_bar = N_bar + torch.where(N == 0, 0.0, (A_bar * layer.R / math.pi - slope * layer.S) / (2 * N))
        if index > 0:
            A_bar, Theta_bar, N_bar = map(geometry.box_transpose, (S_bar, T_bar, N_bar))
    return S_bar, N_bar


def _add_gradients(A: Prepared, alpha: Tensor, b: Prepared, geometry: Geometry, fused: bool, gradients: Tensor) -> None:
    """Add what the centres of one tile contribute to M^{-1/2}g of one image z: K×d×L₁."""
    S_bar, N_bar = _sweep(A, b, geometry, fused)
    weighted = (A.U * S_bar[:, None]).flatten(1)
    gradients += (alpha.T @ weighted).view_as(gradients) + 2 * (alpha.T @ N_bar)[:, None] * b.U
