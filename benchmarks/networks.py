"""Networks: the share of the matrix-product rate that training reaches, and what a measured epoch costs.

One thread. Operations of a training step of the MLP: 6 a weight and point (forward, and two products backward), less the
first layer's 2 for a gradient at the input that nobody wants.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch
from machine import added_bytes, matrix_product_rate, seconds
from torch.func import functional_call, jacrev, vmap

from agop_dnc.collapse.layer_agop import LayerAgop
from agop_dnc.collapse.network import gradient_outer_products, measure
from agop_dnc.data import datasets
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import networks, sgd

SHAPE, CLASSES = (1, 28, 28), 10


def points(N: int) -> tuple[torch.Tensor, torch.Tensor]:
    """MNIST's first N if AGOP_DNC_DATA names a folder with it, clouds of the same shape if not; ordered by class."""
    if "AGOP_DNC_DATA" in os.environ:
        settings = {"source": "torchvision", "n": N, "n_test": 0}
        arrays = datasets.prepare("mnist", settings, os.environ["AGOP_DNC_DATA"]).arrays()
        return arrays.x_train.float().reshape(-1, *SHAPE), arrays.y_train
    y = torch.arange(CLASSES).repeat_interleave(N // CLASSES)
    X = torch.randn(N, 784, generator=torch.Generator().manual_seed(0))
    X[:, :CLASSES] += 4 * torch.nn.functional.one_hot(y)
    return X.reshape(-1, *SHAPE), y


def share_of_rate(network: networks.Network, X: torch.Tensor, y: torch.Tensor, momentum: float) -> tuple[float, float]:
    """Seconds an epoch, and the rate of operations over the machine's, both measured by turns as the machine is shared."""
    velocity = sgd.Velocity(network, momentum)
    weights = [p.numel() for p in network.parameters()]
    operations = len(X) * (6 * sum(weights) - 2 * weights[0])
    Y, order = signed_one_hot(y).float(), torch.randperm(len(X), generator=torch.Generator().manual_seed(0))

    def epoch() -> None:
        for batch in order.split(128):
            velocity.decay()
            sgd.linear_stack_step(network, velocity, X.index_select(0, batch), Y.index_select(0, batch), 0.05)
        velocity.settle()

    rounds = [(matrix_product_rate(torch.float32), seconds(epoch, 1)) for _ in range(5)]
    shares = sorted((operations / took / rate, took) for rate, took in rounds)
    return shares[2][1], shares[2][0]


def agops_by_jacobians(network: networks.Network, X: torch.Tensor) -> None:
    """The AGOP of every hidden layer from vmap(jacrev), layer by layer."""
    head = network.head
    phi = network.backbone(X)
    for i in range(0, len(head) - 1, 2):
        weights = {name: p.detach() for name, p in head[i:].named_parameters()}
        J = vmap(jacrev(lambda h, i=i, weights=weights: functional_call(head[i:], weights, (h,))))(phi)
        torch.einsum("nkd,nke->de", J, J)
        phi = head[i : i + 2](phi)


def agops(network: networks.Network, X: torch.Tensor, y: torch.Tensor, names: list[str]) -> None:
    """The same by the backward recursion, each as a matrix."""
    S = gradient_outer_products(network, X, names)
    for layer, s in zip(networks.hidden_linear_layers(network.head), S, strict=True):
        _ = LayerAgop(layer.weight.detach(), s).matrix


def main() -> None:
    torch.set_num_threads(1)
    network = networks.build("mlp", SHAPE, CLASSES)
    names = networks.hidden_names(network)
    X, y = points(5000)
    rate = matrix_product_rate(torch.float32)
    print(f"\nNetworks, MLP of 784, 5 × 512 and 10, one thread; float32 matrix products: {rate / 1e9:.0f} GFLOP/s")
    for momentum in (0.0, 0.9):
        took, share = share_of_rate(network, X, y, momentum)
        print(
            f"training, momentum {momentum}: {took:.2f} s an epoch of 5,000 points, {share:.0%} of the rate (median of 5)"
        )
    few, labels = points(1000)
    pairs = [
        (seconds(lambda: agops_by_jacobians(network, few), 1), seconds(lambda: agops(network, few, labels, names), 1))
        for _ in range(5)
    ]
    slow, fast = sorted(pairs, key=lambda pair: pair[0] / pair[1])[2]
    print(
        f"AGOPs of five layers, N = 1,000: {fast:.2f} s; by vmap(jacrev) {slow:.2f} s, {slow / fast:.1f} times as long "
        "(median of 5; operations: 3.7 times as many)"
    )
    for state in ("untrained", "after five epochs"):
        took = seconds(lambda: measure(network, X, y, names), 2)
        print(f"a measured epoch, N = 5,000, all metrics, {state}: {took:.2f} s")
        share_of_rate(network, X, y, 0.0)
    for N in (5000, 20000):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            added = fresh.submit(extraction, N).result()
        print(f"memory that extraction adds at N = {N:,}: {added / 2**20:.0f} MiB")


def extraction(N: int) -> int:
    """Bytes that measuring N points adds to a process that holds them."""
    torch.set_num_threads(1)
    network = networks.build("mlp", SHAPE, CLASSES)
    X, y = points(N)
    return added_bytes(lambda: measure(network, X, y, networks.hidden_names(network)))


if __name__ == "__main__":
    main()
