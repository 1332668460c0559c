"""Every path on the CPU and, if there is one, on a GPU: the same numbers, and the same bytes twice (`make test-gpu`)."""

import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from agop_dnc.collapse.network import measure
from agop_dnc.data import prepared
from agop_dnc.errors import UserError
from agop_dnc.labels import signed_one_hot
from agop_dnc.models import deep_rfm, networks, sgd, training
from agop_dnc.models.settings import TrainingSettings
from agop_dnc.pipeline import device as devices
from agop_dnc.pipeline import forecasts
from agop_dnc.pipeline.device import TF32, free_gpu, select_device
from agop_dnc.studies.deep_rfm import rows as deep_rfm_rows

CPU = torch.device("cpu")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """Each kind of device there is, set up as a job sets it up, in float32 without TF32; the settings are put back."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32
    yield select_device(request.param, 1, "none")
    torch.use_deterministic_algorithms(False)
    cudnn.allow_tf32, matmul.allow_tf32 = before


@pytest.fixture
def points():
    """120 images of 3×10×10 in three overlapping classes, ordered by class."""
    y = torch.arange(3).repeat_interleave(40)
    x = torch.randn(120, 300, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x[:, :3] += 4 * torch.nn.functional.one_hot(y)
    return prepared.Arrays(x[::2], y[::2], x[1::2], y[1::2], (3, 10, 10))


def fitted(arrays, settings):
    return [
        row | {"layer": part.layer} for part in deep_rfm_rows.measure(arrays, settings, 0, [1, 2]) for row in part.rows
    ]


@pytest.mark.parametrize("activation", ["relu", "cos"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_deep_rfm_is_the_same_on_every_device_and_twice_on_one(device, points, activation, precision):
    settings = deep_rfm.Settings(depth=3, activation=activation, width=64, precision=precision)
    first, again = (fitted(points.to(device), settings) for _ in range(2))
    assert str(first) == str(again)  # as text, in which NaN equals itself; `repr` of floats is exact
    # Sums in another order, and what three layers make of that: thirty times a layer with cosines, and a share of the points.
    rtol, atol = (1e-8, 1e-10) if precision == "float64" else (2e-2, 1e-3)
    for row, expected in zip(first, fitted(points, settings), strict=True):
        assert {**row, "value": 0} == {**expected, "value": 0}
        if row["metric"] == "interpolation_error":
            assert row["value"] < (1e-9 if precision == "float64" else 1e-2)
        else:
            assert row["value"] == pytest.approx(expected["value"], rel=rtol, abs=atol, nan_ok=True), row


def trained(architecture, arrays, device, momentum, folder, dtype=torch.float64):
    network = networks.build(architecture, arrays.image_shape, 3, hidden_layers=3, width=20, init_scale=1.0)
    network.to(device, dtype)
    arrays = arrays.to(device)
    x, Y = arrays.x_train.to(dtype).reshape(-1, *arrays.image_shape), signed_one_hot(arrays.y_train).to(dtype)
    settings = TrainingSettings(epochs=2, learning_rate=0.01, momentum=momentum, batch_size=25, measure_every=1)
    return network, x, training.train(network, x, Y, settings, 0, folder)


PAPERS = [("mlp", 0.0), ("resnet18", 0.0), ("vgg11", 0.9)]  # with its momentum


@pytest.mark.parametrize(("architecture", "momentum"), PAPERS)
def test_training_and_measuring_are_the_same_on_every_device_and_twice_on_one(
    device, points, architecture, momentum, tmp_path
):
    # 60 points in batches of 25: two that are recorded on a GPU, and a shorter one.
    network, x, losses = trained(architecture, points, device, momentum, tmp_path / "first")
    table = measure(network, x, points.y_train.to(device), networks.hidden_names(network)).table
    _, _, again = trained(architecture, points, device, momentum, tmp_path / "again")
    assert again == losses
    for epoch, path in training.snapshots(tmp_path / "first").items():
        assert path.read_bytes() == training.snapshots(tmp_path / "again")[epoch].read_bytes(), epoch
    if device.type == "cpu":
        return
    other, x, expected = trained(architecture, points, CPU, momentum, tmp_path / "cpu")
    # In float64, sums in another order; batch normalisation over ten points magnifies that.
    assert losses == pytest.approx(expected, rel=1e-6)
    reference = measure(other, x, points.y_train, networks.hidden_names(other)).table
    assert table.drop(columns="value").equals(reference.drop(columns="value"))
    assert table.value.to_numpy() == pytest.approx(reference.value.to_numpy(), rel=1e-4, abs=1e-5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_gpu_memory_of_deep_rfm_is_as_forecast():
    """On a CPU it is the process's peak that is compared: tests/pipeline/test_forecasts.py."""
    device = select_device("cuda", 1)
    n, d = 10_000, 784
    settings = deep_rfm.Settings(depth=2)
    y = (torch.arange(n) * 10 // n).to(device)
    x = torch.randn(n, d, dtype=torch.float64, device=device)
    x[:, :10] += 4 * torch.nn.functional.one_hot(y)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    for _ in deep_rfm_rows.measure(prepared.Arrays(x, y, x[:0], y[:0], (1, 28, 28)), settings, 0):
        pass
    peak = torch.cuda.max_memory_reserved(device) - before
    assert peak == pytest.approx(forecasts.deep_rfm_bytes(n, d, 0, settings.width, settings.precision), rel=0.15)


class Recorder(TorchDispatchMode):
    """Stands in for a CUDA graph on a CPU: keeps the operations, and plays them again on the same memory with the same numbers."""

    def __init__(self):
        super().__init__()
        self.operations = []

    def __torch_dispatch__(self, operation, types, arguments=(), settings=None):
        result = operation(*arguments, **(settings or {}))
        self.operations.append((operation, arguments, settings or {}, result))
        return result

    @torch.no_grad()
    def replay(self):
        for operation, arguments, settings, result in self.operations:
            again = operation(*arguments, **settings)
            for kept, new in zip(tensors(result), tensors(again), strict=True):
                if kept.data_ptr() != new.data_ptr():
                    kept.copy_(new)


def tensors(result):
    parts = result if isinstance(result, tuple | list) else [result]
    return [part for part in parts if isinstance(part, torch.Tensor)]


@pytest.fixture
def recorder(monkeypatch):
    """The calls that recording makes on a GPU, on the CPU."""

    @contextmanager
    def nothing(*_):
        yield

    @contextmanager
    def graph(recorder):
        with recorder:
            yield

    stream = SimpleNamespace(wait_stream=lambda other: None)
    for name, stand_in in {
        "Stream": lambda: stream,
        "current_stream": lambda: stream,
        "stream": nothing,
        "CUDAGraph": Recorder,
        "graph": graph,
    }.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)


@pytest.mark.usefixtures("recorder")
@pytest.mark.parametrize(("architecture", "momentum"), [*PAPERS, ("mlp", 0.9)])
def test_recorded_step_equals_the_step(points, architecture, momentum):
    """Played again it must not hold on to a number of the step that was recorded, and recording must leave no trace."""
    x, Y = points.x_train.reshape(-1, 3, 10, 10), signed_one_hot(points.y_train)

    def run(record):
        network = networks.build(architecture, (3, 10, 10), 3, hidden_layers=2, width=20, init_scale=1.0).double()
        velocity = sgd.Velocity(network, momentum)
        velocity._lazy = False  # as on a GPU
        step = sgd.stepper(network, velocity, x, Y, 0.02, 20)
        state = [*network.state_dict().values(), *velocity.tensors]
        used = sgd.recorded(step, torch.arange(20), state) if record else step
        losses = [float(used(batch)) for batch in torch.arange(60).flip(0).split(20) for _ in range(2)]
        return losses, state

    (losses, state), (expected, wanted) = run(record=True), run(record=False)
    assert losses == expected
    assert len(set(losses)) == 6
    assert all(torch.equal(one, other) for one, other in zip(state, wanted, strict=True))


def test_average_pooling_equals_pytorchs():
    for height, width in ((1, 1), (3, 3), (4, 4), (5, 9)):
        x = torch.randn(2, 3, height, width, dtype=torch.float64, requires_grad=True)
        ours, theirs = networks.AveragePool(4)(x), torch.nn.AdaptiveAvgPool2d(4)(x)
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
        weights = torch.randn_like(ours)
        gradients = [torch.autograd.grad((out * weights).sum(), x)[0] for out in (ours, theirs)]
        torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-14)


def test_each_job_takes_a_gpu_of_its_own_and_gives_it_back(tmp_path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr("agop_dnc.pipeline.device._held", [])
    code = "import sys; from agop_dnc.pipeline.device import free_gpu; print(free_gpu(3, sys.argv[1]), flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout.readline() == "0\n"
        with subprocess.Popen(command, **pipes) as second:
            assert second.stdout.readline() == "1\n"
            assert free_gpu(3, tmp_path) == 2
            assert free_gpu(3, tmp_path) == 0  # more jobs than GPUs: they share
            second.kill()
    assert [free_gpu(3, tmp_path) for _ in range(2)] == [0, 1]
    for lock in devices._held:
        lock.close()


def test_single_gpu_needs_no_lock_and_schedulers_gpus_are_locked_by_name(tmp_path, monkeypatch):
    assert free_gpu(1, tmp_path) == 0
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("agop_dnc.pipeline.device._held", [])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert [free_gpu(2, tmp_path) for _ in range(2)] == [0, 1]
    assert sorted(path.name.split(".")[0] for path in tmp_path.iterdir()) == ["agop_dnc_gpu_5", "agop_dnc_gpu_7"]
    for lock in devices._held:
        lock.close()


def test_missing_gpu_is_an_error_with_the_remedy(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match="PyTorch sees no GPU; set device: cpu or auto"):
        select_device("cuda", 1)
    torch.use_deterministic_algorithms(False)


def test_tf32_is_as_asked_and_defaults_to_pytorchs():
    default = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    try:
        for tf32, expected in TF32.items():
            select_device("cpu", 1, tf32)
            assert (torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32) == expected
        assert TF32["convolutions"] == (True, False)
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = default
        torch.use_deterministic_algorithms(False)
