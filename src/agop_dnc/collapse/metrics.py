r"""Neural collapse: NC1 to NC4, and the Gram matrix that shows it.

Features X are N×d, one sample a row; labels y are integers 0 … K−1, each class with at least one point. With class
means μ_c and global mean μ_G, *the mean of the class means* (paper, Section 3.4),

    Σ_W = (1/N) Σ_c Σ_i (x_ci − μ_c)(x_ci − μ_c)ᵀ,   Σ_B = (1/K) Σ_c (μ_c − μ_G)(μ_c − μ_G)ᵀ,   Σ_T = Σ_W + Σ_B.

Everything here is summed in float64 whatever the features' precision, and no d×d matrix is ever formed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..kernels.blocks import row_chunks
from ..randomness import generator

COLLAPSE = ("nc1", "nc1_pinv", "nc2", "nc2_mse", "nc2_normalised")


class ClassMeans:
    """Class means of features that come a chunk at a time."""

    def __init__(self, classes: int) -> None:
        self._counts = torch.zeros(classes, dtype=torch.int64)
        self._sums: Tensor | None = None

    def add(self, X: Tensor, y: Tensor) -> None:
        """Take in a chunk of features (n×d) with labels (n) below the number of classes."""
        _check_labelled(X, y)
        if self._sums is None:
            self._sums = torch.zeros(len(self._counts), X.shape[1], dtype=torch.float64, device=X.device)
            self._counts = self._counts.to(X.device)
        for rows in _blocks(X):
            self._sums.index_add_(0, y[rows], X[rows].double())
        self._counts += torch.bincount(y, minlength=len(self._counts))

    @property
    def means(self) -> Tensor:
        """Return the K×d class means in float64. Raises ValueError if a class has no point."""
        if self._sums is None or (self._counts == 0).any():
            raise ValueError(f"class {int((self._counts == 0).nonzero()[0])} has no point; labels must be 0 … K−1")
        return self._sums / self._counts[:, None]


class Scatter:
    """Scatter within and between classes, for known class means; features may come a chunk at a time.

    means: K×d. Residuals are taken from these means, so that nothing cancels when classes have all but collapsed, and a
    chunk's memory is all that is needed.
    """

    def __init__(self, means: Tensor) -> None:
        self.means = means
        self.centred_means = means - means.mean(0)
        _, s, Vt = torch.linalg.svd(self.centred_means, full_matrices=False)
        # Centred, K means span at most K−1 dimensions; rounding, relative to the means before, fills the others.
        kept = s > torch.linalg.vector_norm(means, dim=1).max() * max(means.shape) * torch.finfo(s.dtype).eps
        kept[len(means) - 1 :] = False
        self._s, self._V = s[kept], Vt[kept].T
        self._points = 0
        self._squared = means.new_zeros(())
        self._projected = means.new_zeros(len(self._s))

    def add(self, X: Tensor, y: Tensor) -> None:
        """Take in a chunk of features (n×d) with labels (n)."""
        self._points += len(X)
        for rows in _blocks(X):
            residuals = X[rows] - self.means[y[rows]]  # in float64, as the means are
            self._squared += torch.linalg.vector_norm(residuals).square()
            self._projected += (residuals @ self._V).square().sum(0)

    @property
    def trace_within(self) -> float:
        """Tr Σ_W."""
        return float(self._squared / self._points)

    @property
    def trace_between(self) -> float:
        """Tr Σ_B."""
        return float(self.centred_means.square().sum() / len(self.means))

    @property
    def collapse(self) -> dict[str, float]:
        """Every NC1 and NC2, by the names of the functions that define them."""
        within, between = self.trace_within, self.trace_between
        nothing_between = float("inf") if within > 0 else float("nan")
        G = _mean_gram(self.centred_means)
        K = len(G)
        difference = G - K / (K - 1) * _centring(K, G)
        return {
            "nc1": within / between if between > 0 else nothing_between,
            "nc1_pinv": float((self._projected / self._points / self._s.square()).sum()),
            "nc2": float(torch.linalg.matrix_norm(difference)),
            "nc2_mse": float(difference.square().mean()),
            "nc2_normalised": _distance_to_simplex(G),
        }


def class_means(X: Tensor, y: Tensor) -> Tensor:
    """Return the K×d means of the rows of X (N×d) with the same label (N integers 0 … K−1), in float64.

    Raises ValueError where X is not N×d, y not N integers, or a class below the highest label has no point.
    """
    _check_labelled(X, y)
    accumulated = ClassMeans(int(y.max()) + 1)
    accumulated.add(X, y)
    return accumulated.means


def scatter(X: Tensor, y: Tensor) -> Scatter:
    """Scatter of features X (N×d) with labels y (N)."""
    result = Scatter(class_means(X, y))
    result.add(X, y)
    return result


def collapse(X: Tensor, y: Tensor) -> dict[str, float]:
    """Return every NC1 and NC2 of features X (N×d) with labels y (N), in blocks of rows that stay in a core's cache."""
    return scatter(X, y).collapse


def nc1(X: Tensor, y: Tensor) -> float:
    """NC1 = tr Σ_W / tr Σ_B (paper, Section 3.4): 0 when every class is a point.

    Infinite where the class means coincide but the points do not, NaN where all points coincide.

    >>> X = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> nc1(X, torch.tensor([0, 0, 1, 1]))
    1.0
    """
    return collapse(X, y)["nc1"]


def nc1_pinv(X: Tensor, y: Tensor) -> float:
    """(1/K) tr(Σ_W Σ_B⁺), with the pseudo-inverse (the authors' slides).

    With the thin singular value decomposition of the centred means, M = Q diag(s) Vᵀ, Σ_B⁺ = K V diag(s⁻²) Vᵀ, so the
    value is Σ_r ‖R v_r‖² / (N s_r²), R the residuals: N×K numbers instead of d×d.
    """
    return collapse(X, y)["nc1_pinv"]


def nc2(X: Tensor, y: Tensor) -> float:
    """NC2 = ‖μ̃ μ̃ᵀ − Σ_ETF‖_F (paper, Section 3.4), Σ_ETF = K/(K−1) (I − 11ᵀ/K), μ̃ the centred, row-normalised means."""
    return collapse(X, y)["nc2"]


def nc2_mse(X: Tensor, y: Tensor) -> float:
    """Return the mean squared entry of NC2's difference, which the released code plots."""
    return collapse(X, y)["nc2_mse"]


def nc2_normalised(X: Tensor, y: Tensor) -> float:
    """‖μ̃μ̃ᵀ/‖μ̃μ̃ᵀ‖_F − (I − 11ᵀ/K)/√(K−1)‖_F (the authors' slides)."""
    return collapse(X, y)["nc2_normalised"]


def nc3(A: Tensor, means: Tensor) -> float:
    """‖Aμ̃ᵀ/‖Aμ̃ᵀ‖_F − (I − 11ᵀ/K)/√(K−1)‖_F, A the K×d readout of features with these K×d class means (the slides)."""
    if A.shape != means.shape:
        raise ValueError(f"the readout must be K×d = {tuple(means.shape)}, not {tuple(A.shape)}")
    return _distance_to_simplex(A.double() @ _normalised_rows(means - means.mean(0)).T)


def nc4(output: Tensor, X: Tensor, means: Tensor) -> float:
    """Return the share of points where arg max of the output (N×K) is not the class whose mean (K×d) is nearest to X (N×d) (the slides)."""
    if output.shape != (len(X), len(means)):
        raise ValueError(f"the output must be N×K = {(len(X), len(means))}, not {tuple(output.shape)}")
    return float((output.argmax(1) != nearest_mean(X, means)).double().mean())


def nearest_mean(X: Tensor, means: Tensor) -> Tensor:
    """Return for each row of X (n×d) the index of the nearest of the means (K×d)."""
    # ‖x − μ‖² less the ‖x‖² that is the same for every class.
    return (means.square().sum(1) - 2 * X.double() @ means.T).argmin(1)


def centred_gram(X: Tensor, y: Tensor, kept: Tensor | None = None) -> Tensor:
    """Return the matrix of cosines between samples after the global mean is taken off (paper, Figures 1, 5, 6).

    N×N, or of the samples at the indices `kept` alone (the mean is still that of all). Under collapse to a simplex: 1 within
    a class, −1/(K−1) between classes. A sample at the global mean has cosine 0.
    """
    shown = X if kept is None else X[kept]
    rows = _normalised_rows(shown.double() - class_means(X, y).mean(0))
    return rows @ rows.T


def gram_deviation(X: Tensor, y: Tensor) -> dict[str, float]:
    """Return how far the matrix of :func:`centred_gram` is from collapse, in its worst block within a class and between two.

    A block's deviation is the root mean square over its entries of their difference to what collapse gives, g = 1 within a
    class and −1/(K−1) between two: `gram_within` is the largest of the K blocks on the diagonal, `gram_between` of the others,
    so that a small class counts as much as a large one.

    With U_c the centred, normalised samples of class c and s_c their sum, Σ (G − g)² over the block of a and b is
    ⟨U_aᵀU_a, U_bᵀU_b⟩ − 2g s_aᵀs_b + g² n_a n_b: K matrices d×d, and none that is N×N, where d < N. That difference cancels:
    below 1e-7 it is rounding.

    >>> X = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    >>> gram_deviation(X, torch.tensor([0, 0, 1, 1]))
    {'gram_within': 0.0, 'gram_between': 0.0}
    """
    U = _normalised_rows(X.double() - class_means(X, y).mean(0))
    K = int(y.max()) + 1
    classes = [U[y == label] for label in range(K)]
    counts = U.new_tensor([len(points) for points in classes])
    sums = torch.stack([points.sum(0) for points in classes])
    if len(U) > U.shape[1]:
        products = U.new_empty(K, U.shape[1] ** 2)
        for product, points in zip(products, classes, strict=True):
            torch.mm(points.T, points, out=product.view(U.shape[1], -1))
        squares = products @ products.T
    else:
        squares = torch.stack([torch.stack([(one @ other.T).square().sum() for other in classes]) for one in classes])
    ideal, sizes = simplex_gram(K).to(U), torch.outer(counts, counts)
    blocks = (squares - 2 * ideal * (sums @ sums.T) + ideal.square() * sizes).clamp(min=0).div(sizes).sqrt()
    between = ~torch.eye(K, dtype=torch.bool, device=U.device)
    return {"gram_within": float(blocks.diagonal().max()), "gram_between": float(blocks[between].max())}


def simplex_gram(K: int) -> Tensor:
    """Return the cosines between K centred class means under collapse, Σ_ETF = K/(K−1) (I − 11ᵀ/K): 1, and −1/(K−1) off the diagonal."""
    return K / (K - 1) * (torch.eye(K, dtype=torch.float64) - 1 / K)


def thin(y: Tensor, at_most: int) -> Tensor:
    """Return the indices of at most `at_most` samples, evenly spaced within each class, the classes' shares kept; sorted.

    Thinning samples leaves every entry of their Gram matrix as it was; averaging blocks would look more collapsed.

    >>> thin(torch.tensor([0, 0, 0, 0, 1, 1]), 4).tolist()
    [0, 3, 4]
    """
    classes, counts = torch.unique(y, return_counts=True)
    if len(classes) > at_most:
        raise ValueError(f"{at_most} samples cannot show {len(classes)} classes")
    if len(y) <= at_most:
        return torch.arange(len(y), device=y.device)
    # One of each class, and of the rest a share of the class's rest.
    shares = 1 + (counts - 1) * (at_most - len(classes)) // (len(y) - len(classes))
    kept = []
    for label, share in zip(classes, shares.tolist(), strict=True):
        members = (y == label).nonzero().flatten()
        kept.append(members[torch.linspace(0, len(members) - 1, share).round().long()])
    return torch.cat(kept).sort().values


def random_directions_nc2(K: int, d: int, draws: int = 1000, seed: int = 0) -> Tensor:
    """Return NC2 of K independent random directions of R^d taken for class means: what NC2 is without any structure.

    High dimension alone brings K random vectors close to a simplex: their cosines are of order d^{-1/2}, and NC2 falls
    likewise. A network's NC2 says something only next to this value for its own width.

    NC2 depends on the inner products alone. Those of Gaussian vectors are LLᵀ with L lower triangular, L_ii² from χ² with
    d − i degrees of freedom (i from 0) and N(0, 1) below (Bartlett's decomposition), so that d costs nothing.

    Args:
        K: the number of classes.
        d: the dimension of the features.
        draws: how many independent sets of K means to draw.
        seed: of the draws.

    Returns:
        The `draws` values of NC2, in float64.

    Raises:
        ValueError: if there are fewer than two classes, or no dimension or draw.

    >>> float(random_directions_nc2(10, 256, draws=100).mean()) < float(random_directions_nc2(10, 64, draws=100).mean())
    True
    """
    if K < 2 or d < 1 or draws < 1:
        raise ValueError(
            f"NC2 takes two or more classes in one or more dimensions, not K = {K}, d = {d}, draws = {draws}"
        )
    source = generator(seed, "random directions", K, d)
    values = torch.empty(draws, dtype=torch.float64)
    freedom = d - torch.arange(K, dtype=torch.float64)
    for some in row_chunks(draws, 8 * K * min(K, d)):
        means = torch.randn(some.stop - some.start, K, min(K, d), dtype=torch.float64, generator=source)
        if d >= K:
            squares = 2 * torch._standard_gamma((freedom / 2).expand(len(means), K), generator=source)
            means = means.tril(-1) + squares.sqrt().diag_embed()
        mu = torch.nn.functional.normalize(means - means.mean(1, keepdim=True), dim=2)
        values[some] = torch.linalg.matrix_norm(mu @ mu.mT - simplex_gram(K))
    return values


def _blocks(X: Tensor) -> list[slice]:
    """Return slices of rows whose residuals in float64 stay in a core's cache (2 MiB), or keep another device busy (64 MiB)."""
    at_most = max(1, 2**18 // max(1, X.shape[1])) if X.device.type == "cpu" else None
    return row_chunks(len(X), 8 * X.shape[1], at_most)


def _mean_gram(centred_means: Tensor) -> Tensor:
    mu = _normalised_rows(centred_means)
    return mu @ mu.T


def _distance_to_simplex(G: Tensor) -> float:
    K = len(G)
    return float(torch.linalg.matrix_norm(G / torch.linalg.matrix_norm(G) - _centring(K, G) / (K - 1) ** 0.5))


def _centring(K: int, like: Tensor) -> Tensor:
    return torch.eye(K, dtype=like.dtype, device=like.device) - 1 / K


def _normalised_rows(X: Tensor) -> Tensor:
    """Return each row divided by its norm; a zero row stays zero."""
    return torch.nn.functional.normalize(X, dim=1, eps=torch.finfo(X.dtype).tiny)


def _check_labelled(X: Tensor, y: Tensor) -> None:
    if X.ndim != 2:
        raise ValueError(f"features must be N×d, not of shape {tuple(X.shape)}")
    if y.shape != X.shape[:1] or y.dtype != torch.int64:
        raise ValueError(f"labels must be {len(X)} integers (int64), not {tuple(y.shape)} of {y.dtype}")
