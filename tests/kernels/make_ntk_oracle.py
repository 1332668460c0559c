"""Make ntk_oracle.npz: kernels and patch AGOPs by neural-tangents, in float64 on a CPU.

Run in an environment of its own: pip install neural-tangents==0.6.5 jax==0.4.38 jaxlib==0.4.38, then
`python tests/kernels/make_ntk_oracle.py`. Images are unfolded so that a first convolution of stride q meets each patch once;
gradients are with respect to the unfolded image, as in arXiv 2309.00570. neural-tangents averages over the entries of a
patch: its kernel, with weights of variance 2, is K / (C q^(2·depth)).
"""

from pathlib import Path

import numpy as np

# name: channels, side, filter size, depth, whether M is given
CASES = {
    "one_layer": (1, 6, 3, 1, False),
    "one_layer_channels": (3, 6, 2, 1, True),
    "three_layers": (1, 9, 3, 3, False),
    "three_layers_channels": (2, 7, 2, 3, True),
}
N, M_IMAGES, CLASSES = 4, 3, 2


def inputs(name):
    """Images X and Z, coefficients and M of a case; an image has rows of zeros, and one is in both sets."""
    channels, side, q, _, given = CASES[name]
    rng = np.random.default_rng(sorted(CASES).index(name))
    X, Z = rng.normal(size=(N, channels, side, side)), rng.normal(size=(M_IMAGES, channels, side, side))
    X[1, :, : side // 2] = 0
    Z[0] = X[0]
    root = rng.normal(size=(channels * q * q,) * 2)
    return X, Z, rng.normal(size=(N, CLASSES)), root @ root.T if given else np.eye(len(root))


def by_neural_tangents(name):
    """The kernel matrix of X and Z, and the AGOP over patches at Z: both in the library's scale."""
    import jax
    import jax.numpy as jnp
    from neural_tangents import stax

    jax.config.update("jax_enable_x64", True)
    channels, _, q, depth, _ = CASES[name]
    X, Z, alpha, M = inputs(name)
    eigenvalues, vectors = np.linalg.eigh(M)
    root = vectors @ np.diag(np.sqrt(np.maximum(eigenvalues, 0))) @ vectors.T

    layers = [stax.Conv(1, (q, q), (q, q), "VALID", W_std=2**0.5), stax.Relu()]
    for _ in range(depth - 1):
        layers += [stax.Conv(1, (q, q), (1, 1), "VALID", W_std=2**0.5), stax.Relu()]
    _, _, kernel = stax.serial(*layers, stax.Flatten(), stax.Dense(1))

    def patches(images):  # n×P×P×d in (channel, row, column) order
        windows = np.lib.stride_tricks.sliding_window_view(images, (q, q), axis=(2, 3))
        n, _, P, _, _, _ = windows.shape
        return windows.transpose(0, 2, 3, 1, 4, 5).reshape(n, P, P, -1)

    def network_input(of_patches):  # M^{1/2} on each patch, then n×Pq×Pq×C
        n, P = of_patches.shape[:2]
        multiplied = (of_patches @ root).reshape(n, P, P, channels, q, q)
        return multiplied.transpose(0, 1, 4, 2, 5, 3).reshape(n, P * q, P * q, channels)

    scale = channels * q ** (2 * depth)

    def matrix(x, z):
        return kernel(network_input(x), network_input(z), "ntk") * scale

    x, z = jnp.array(patches(X)), jnp.array(patches(Z))
    K = matrix(x, z)
    G = np.zeros_like(M)
    for image in z:
        for c in range(CLASSES):
            gradient = jax.grad(lambda patch, c=c: alpha[:, c] @ matrix(x, patch[None])[:, 0])(image)
            g = np.array(gradient).reshape(-1, len(M))
            G += g.T @ g / len(g) / len(z)
    return np.array(K), G


if __name__ == "__main__":
    values = {}
    for case in CASES:
        values[f"{case}_K"], values[f"{case}_G"] = by_neural_tangents(case)
    np.savez(Path(__file__).with_name("ntk_oracle.npz"), **values)
