"""One step of stochastic gradient descent on the squared error, and on a GPU its recording, to be launched as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .networks import Network

# From the indices of a batch's points to the loss before the step.
Step = Callable[[Tensor], Tensor]


class Velocity:
    """SGD's velocities v ← momentum·v + gradient, one a parameter, held as scale·tensors (no tensors without momentum).

    On a CPU a step's decay is one number: going through the tensors once more to shrink them costs a tenth of the MLP's step.
    On a GPU a recorded step has its numbers written in, so that there the tensors shrink and the scale is 1.
    """

    def __init__(self, network: nn.Module, momentum: float) -> None:
        self.tensors = [torch.zeros_like(parameter) for parameter in network.parameters()] if momentum else []
        self.scale = 1.0
        self._momentum = momentum
        self._lazy = all(tensor.device.type == "cpu" for tensor in self.tensors)

    def decay(self) -> None:
        """Let v ← momentum·v."""
        self.scale *= self._momentum
        if not self._lazy or self.scale < 1e-3:  # long before gradients / scale overflow
            self.settle()

    def settle(self) -> None:
        """Let the tensors be the velocities themselves."""
        if self.tensors and self.scale != 1:
            torch._foreach_mul_(self.tensors, self.scale)
        self.scale = 1.0

    def reset(self) -> None:
        """Let v ← 0."""
        if self.tensors:
            torch._foreach_zero_(self.tensors)
        self.scale = 1.0


def stepper(
    network: nn.Module, velocity: Velocity, x: Tensor, y: Tensor, learning_rate: float, batch_size: int
) -> Step:
    """A step of SGD on the mean square over batch and outputs, as a function of the batch's indices into x and y.

    On a GPU a full batch's step is recorded as a CUDA graph: one launch, where the operations' own launches take longer than a
    batch of 128 does. It computes the same.
    """
    make = linear_stack_step if _is_linear_stack(network) else autograd_step

    def step(batch: Tensor) -> Tensor:
        velocity.decay()
        return make(network, velocity, x.index_select(0, batch), y.index_select(0, batch), learning_rate)

    if x.device.type != "cuda" or len(x) < batch_size:
        return step
    full = recorded(
        step, torch.arange(batch_size, device=x.device), [*network.state_dict().values(), *velocity.tensors]
    )
    return lambda batch: full(batch) if len(batch) == batch_size else step(batch)


def recorded(step: Step, example: Tensor, state: Sequence[Tensor]) -> Step:
    """The step as a CUDA graph for batches of the example's length; what it returns is overwritten by the next call.

    state: the tensors that a step changes, which are left as they were. Warming up and recording take four steps.
    """
    before = [tensor.clone() for tensor in state]
    batch = example.clone()
    # Libraries make their workspaces and choose their algorithms in the first steps, which must not be recorded.
    beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            step(batch)
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step(batch)
    with torch.no_grad():
        for tensor, value in zip(state, before, strict=True):
            tensor.copy_(value)

    def replay(indices: Tensor) -> Tensor:
        batch.copy_(indices)
        graph.replay()
        return loss

    return replay


def autograd_step(network: nn.Module, velocity: Velocity, x: Tensor, y: Tensor, learning_rate: float) -> Tensor:
    """One step of SGD, the velocity having decayed; the loss before it."""
    parameters: list[Tensor] = list(network.parameters())
    loss = nn.functional.mse_loss(network(x), y)
    gradients = list(torch.autograd.grad(loss, parameters))
    with torch.no_grad():
        if velocity.tensors:
            torch._foreach_add_(velocity.tensors, gradients, alpha=1 / velocity.scale)
            gradients, learning_rate = velocity.tensors, learning_rate * velocity.scale
        torch._foreach_add_(parameters, gradients, alpha=-learning_rate)
    return loss.detach()


@torch.no_grad()
def linear_stack_step(network: nn.Module, velocity: Velocity, x: Tensor, y: Tensor, learning_rate: float) -> Tensor:
    """The same step for the MLP, with the backward pass written out.

    With h_0 = x, h_l = ReLU(h_{l−1} W_lᵀ) and δ the loss's gradient at a layer's pre-activations, W_l's is δ_lᵀ h_{l−1}, which
    the product adds to the weights (or their velocity) at once; autograd writes it out first and goes through the weights
    again, which costs a fifth of the time at batches of 128 on a CPU (`make bench`).
    """
    weights = list(network.parameters())
    h = [x.flatten(1)]
    for W in weights[:-1]:
        h.append((h[-1] @ W.T).relu_())
    error = h[-1] @ weights[-1].T - y
    delta = error * (2 / error.numel())
    for layer in reversed(range(len(weights))):
        W = weights[layer]
        below = _behind_relu(delta @ W, h[layer]) if layer else delta
        if velocity.tensors:
            v = velocity.tensors[layer].addmm_(delta.T, h[layer], alpha=1 / velocity.scale)
            W.add_(v, alpha=-learning_rate * velocity.scale)
        else:
            W.addmm_(delta.T, h[layer], alpha=-learning_rate)
        delta = below
    return error.square().mean()


def _is_linear_stack(network: nn.Module) -> bool:
    """Whether the network is Flatten, then linear layers without biases with ReLUs between: the MLP."""
    return isinstance(network, Network) and isinstance(network.backbone, nn.Flatten)


def _behind_relu(gradient: Tensor, h: Tensor) -> Tensor:
    """The gradient where h = ReLU(z) > 0, elsewhere 0, in place."""
    masked: Tensor = torch.ops.aten.threshold_backward.grad_input(gradient, h, 0, grad_input=gradient)
    return masked
