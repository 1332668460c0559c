"""Take one step of stochastic gradient descent on the squared error or another loss; on a GPU, record it and launch it as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from .networks import Network

# Takes the indices of a batch's points, makes a step, and returns the loss before it.
Step = Callable[[Tensor], Tensor]
# Takes outputs and targets (batch×K), and returns a scalar.
Loss = Callable[[Tensor, Tensor], Tensor]
SQUARED_ERROR: Loss = nn.functional.mse_loss


class Velocity:
    """SGD's velocities v ← momentum·v + gradient, one per trained parameter, stored as scale·tensors (no tensors without momentum).

    On a CPU the decay only changes the scale: multiplying all tensors as well would cost a tenth of the MLP's step. On a GPU a
    recorded step has its numbers fixed, so there the tensors decay and the scale stays 1.
    """

    def __init__(self, network: nn.Module, momentum: float) -> None:
        self.tensors = [torch.zeros_like(parameter) for parameter in trained(network)] if momentum else []
        self.scale = 1.0
        self._momentum = momentum
        self._lazy = all(tensor.device.type == "cpu" for tensor in self.tensors)

    def decay(self) -> None:
        """Set v ← momentum·v."""
        self.scale *= self._momentum
        if not self._lazy or self.scale < 1e-3:  # long before gradients / scale could overflow
            self.settle()

    def settle(self) -> None:
        """Multiply the scale into the tensors, so that they are the velocities themselves."""
        if self.tensors and self.scale != 1:
            torch._foreach_mul_(self.tensors, self.scale)
        self.scale = 1.0

    def reset(self) -> None:
        """Set v ← 0."""
        if self.tensors:
            torch._foreach_zero_(self.tensors)
        self.scale = 1.0


def trained(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that training changes: all but those that are fixed (`requires_grad` is false)."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def stepper(
    network: nn.Module,
    velocity: Velocity,
    x: Tensor,
    y: Tensor,
    learning_rate: float,
    batch_size: int,
    loss: Loss = SQUARED_ERROR,
    weight_decay: float = 0.0,
) -> Step:
    """Return a step of SGD on the mean loss of a batch, as a function of the batch's indices into x and y.

    On a GPU the step for a full batch is recorded as a CUDA graph and computes the same: one launch replaces the operations' own
    launches, which take longer than a batch of 128 does.

    Args:
        network: The network, whose parameters a step changes.
        velocity: Its velocities.
        x: Images, shape (N, C, H, W), on the network's device.
        y: Targets, shape (N, K).
        learning_rate: The step size.
        batch_size: Points in a full batch.
        loss: What is minimised; the mean square over batch and outputs if not given.
        weight_decay: λ of (λ/2)‖θ‖², which is added to the loss for all trained parameters θ.

    Returns:
        A function that takes indices, shape (batch,), makes the step and returns the loss before it.
    """
    written_out = loss is SQUARED_ERROR and not weight_decay and _is_linear_stack(network)
    make = linear_stack_step if written_out else partial(autograd_step, loss=loss, weight_decay=weight_decay)

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
    """Record a step as a CUDA graph for batches of the example's length.

    Warming up and recording take four steps, whose effects are undone.

    Args:
        step: The step to record.
        example: Indices of one batch, shape (batch,).
        state: All tensors that a step changes; their values are restored.

    Returns:
        The recorded step. The tensor it returns is overwritten by the next call.
    """
    before = [tensor.clone() for tensor in state]
    batch = example.clone()
    # In the first steps libraries allocate workspaces and choose algorithms, which must not be recorded.
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


def autograd_step(
    network: nn.Module,
    velocity: Velocity,
    x: Tensor,
    y: Tensor,
    learning_rate: float,
    loss: Loss = SQUARED_ERROR,
    weight_decay: float = 0.0,
) -> Tensor:
    """Make one step of SGD with autograd, after the velocity has decayed.

    Args:
        network: The network, whose trained parameters are changed.
        velocity: Its velocities, already decayed.
        x: A batch of images, shape (batch, C, H, W).
        y: Targets, shape (batch, K).
        learning_rate: The step size.
        loss: What is minimised.
        weight_decay: λ of (λ/2)‖θ‖², which is added to the loss.

    Returns:
        The loss before the step, without the decay's term, a scalar tensor.
    """
    parameters: list[Tensor] = list(trained(network))
    value = loss(network(x), y)
    gradients = list(torch.autograd.grad(value, parameters))
    with torch.no_grad():
        if weight_decay:
            torch._foreach_add_(gradients, parameters, alpha=weight_decay)
        if velocity.tensors:
            torch._foreach_add_(velocity.tensors, gradients, alpha=1 / velocity.scale)
            gradients, learning_rate = velocity.tensors, learning_rate * velocity.scale
        torch._foreach_add_(parameters, gradients, alpha=-learning_rate)
    return value.detach()


@torch.no_grad()
def linear_stack_step(network: nn.Module, velocity: Velocity, x: Tensor, y: Tensor, learning_rate: float) -> Tensor:
    """Make the step of :func:`autograd_step` for the MLP, with the backward pass written out.

    With h_0 = x, h_l = ReLU(h_{l−1} W_lᵀ) and δ_l the gradient of the loss with respect to layer l's pre-activations, the gradient
    with respect to W_l is δ_lᵀ h_{l−1}. The product is added directly to the weights (or their velocity). Autograd would store it
    first and go through the weights again, which takes a fifth of the time for batches of 128 on a CPU (`make bench`).

    Args:
        network: An MLP, whose weights are changed.
        velocity: Its velocities, already decayed.
        x: A batch of images, shape (batch, C, H, W).
        y: Targets, shape (batch, K).
        learning_rate: The step size.

    Returns:
        The loss before the step, a scalar tensor.
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
    """Return whether the network is the MLP: Flatten, then linear layers without biases and ReLUs between them, all trained."""
    if not (isinstance(network, Network) and isinstance(network.backbone, nn.Flatten)):
        return False
    kinds = [type(module) for module in network.head]
    alternate = kinds[::2] == [nn.Linear] * len(kinds[::2]) and kinds[1::2] == [nn.ReLU] * len(kinds[1::2])
    return alternate and len(trained(network)) == len(kinds[::2]) == len(list(network.parameters()))


def _behind_relu(gradient: Tensor, h: Tensor) -> Tensor:
    """Set the gradient to 0, in place, wherever h = ReLU(z) is 0."""
    masked: Tensor = torch.ops.aten.threshold_backward.grad_input(gradient, h, 0, grad_input=gradient)
    return masked
