"""Deep RFM on one page: neural collapse from kernel regression, with neither a network nor a step of gradient descent.

Each layer solves a kernel regression for the labels, computes the average gradient outer product M of its solution, maps the
points by M^{1/2}, which lowers NC1, and then by random ReLU features, which raise it. N points, d features, K classes.
`python examples/deep_rfm_in_one_page.py` takes a few seconds. Source: Beaglehole, Súkeník, Mondelli, Belkin (2024), Algorithm 1.
"""

import torch
from sklearn.datasets import load_digits


def laplace(X, L):
    """The kernel matrix K_ij = exp(−r_ij / L), r_ij = ‖x_i − x_j‖, and the slopes P_ij = K_ij / (L r_ij), both N×N."""
    r = torch.cdist(X, X, compute_mode="donot_use_mm_for_euclid_dist")
    K = torch.exp(-r / L)
    return K, torch.where(r > 0, K / (L * r), 0.0)


def agop(X, alpha, P):
    """(1/N) Σ_i Σ_k ∇f_k(x_i) ∇f_k(x_i)ᵀ, d×d, of f_k(x) = Σ_j α_jk exp(−‖x − x_j‖ / L)."""
    M = torch.zeros(X.shape[1], X.shape[1], dtype=X.dtype)
    for a in alpha.T:
        gradients = (P * a) @ X - (P @ a)[:, None] * X  # row i: −Σ_j P_ij a_j (x_i − x_j)
        M += gradients.T @ gradients / len(X)
    return M


def square_root(M):
    """The symmetric square root of a positive semi-definite matrix."""
    values, vectors = torch.linalg.eigh(M)
    return vectors * values.clamp(min=0).sqrt() @ vectors.T


def nc1(X, y):
    """Variance within classes over variance between their means: 0 if each class is a single point."""
    means = torch.stack([X[y == c].mean(0) for c in y.unique()])
    within = (X - means[y]).square().sum(1).mean()
    between = (means - means.mean(0)).square().sum(1).mean()
    return float(within / between)


def deep_rfm(X, y, weights, L=2.0):
    """Yield NC1 of X, of X M^{1/2} and of the features of each layer; `weights` holds a width×d matrix per layer."""
    Y = 2.0 * torch.nn.functional.one_hot(y).to(X) - 1
    for W in weights:
        X = X / X.norm(dim=1, keepdim=True)
        K, P = laplace(X, L)
        alpha = torch.linalg.solve(K, Y)
        projected = X @ square_root(agop(X, alpha, P))
        features = torch.relu(projected @ W.T)
        yield nc1(X, y), nc1(projected, y), nc1(features, y)
        X = features


def random_weights(d, width, depth, seed=0):
    """One matrix per layer, with entries uniform on ±1/√(number of inputs)."""
    generator = torch.Generator().manual_seed(seed)
    inputs = [d] + [width] * (depth - 1)
    return [(2 * torch.rand(width, n, dtype=torch.float64, generator=generator) - 1) / n**0.5 for n in inputs]


def digits(n):
    """The first n handwritten digits of scikit-learn (8×8 pixels), each pixel standardised."""
    data = load_digits()
    X, y = torch.tensor(data.data[:n]), torch.tensor(data.target[:n]).long()
    return (X - X.mean(0)) / X.std(0).clamp(min=1e-6), y


if __name__ == "__main__":
    X, y = digits(400)
    print("layer   NC1 of X   of X M^{1/2}   of the features")
    for layer, values in enumerate(deep_rfm(X, y, random_weights(X.shape[1], 256, 12)), start=1):
        print("{:5d}   {:8.2e}   {:12.2e}   {:15.2e}".format(layer, *values))
