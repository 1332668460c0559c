"""Datasets: every source, the same arrays out of it, and a sentence for what cannot be read."""

import gzip
import hashlib
import http.server
import json
import os
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
import torchvision

from agop_dnc.data import datasets
from agop_dnc.errors import UserError

REAL = os.environ.get("AGOP_DNC_DATA")


def write_npz(path, rng, **replaced):
    arrays = {
        "x_train": rng.integers(0, 256, size=(40, 5, 4, 3), dtype=np.uint8),
        "y_train": np.tile([3, 7, 5, 3], 10),
        "x_test": rng.integers(0, 256, size=(9, 5, 4, 3), dtype=np.uint8),
        "y_test": np.tile([3, 7, 5], 3),
    } | replaced
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return {"source": "npz", "path": str(path)}, arrays


def test_digits_are_the_first_n_ordered_by_class_and_the_rest_are_for_testing():
    from sklearn.datasets import load_digits

    raw = load_digits()
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 1500})
    order = np.argsort(raw.target[:1500], kind="stable")
    np.testing.assert_array_equal(dataset.x_train[:, 0], raw.images[:1500][order])
    np.testing.assert_array_equal(dataset.y_train, np.sort(raw.target[:1500]))
    np.testing.assert_array_equal(dataset.y_test, raw.target[1500:])
    assert dataset.x_train.dtype == np.uint8


def test_standardised_per_pixel_with_the_training_statistics():
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 300})
    arrays = dataset.arrays()
    flat = dataset.x_train.reshape(300, -1).astype(float)
    mean, std = flat.mean(0), flat.std(0, ddof=1)
    constant = std == 0
    assert constant.any()
    assert (arrays.x_train[:, constant] == 0).all()
    expected = (flat[:, ~constant] - mean[~constant]) / std[~constant]
    np.testing.assert_allclose(arrays.x_train[:, ~constant], expected, rtol=1e-12, atol=1e-14)
    test = (dataset.x_test.reshape(len(dataset.x_test), -1) - mean)[:, ~constant] / std[~constant]
    np.testing.assert_allclose(arrays.x_test[:, ~constant], test, rtol=1e-12, atol=1e-14)


def test_npz_of_colour_images_is_channels_first_with_labels_from_zero(tmp_path, rng):
    settings, raw = write_npz(tmp_path / "mine.npz", rng)
    dataset = datasets.prepare("mine", settings)
    order = np.argsort(raw["y_train"], kind="stable")
    np.testing.assert_array_equal(dataset.x_train, raw["x_train"][order].transpose(0, 3, 1, 2))
    assert np.bincount(dataset.y_train).tolist() == [20, 10, 10]
    assert dataset.y_test.tolist() == [0, 2, 1] * 3
    assert dataset.arrays().image_shape == (3, 5, 4)


@pytest.mark.parametrize("shape", [(40, 6), (40, 5, 4), (40, 5, 4, 1)])
def test_npz_of_vectors_and_grey_images(tmp_path, rng, shape):
    settings, _ = write_npz(tmp_path / "mine.npz", rng, x_train=rng.normal(size=shape), x_test=None, y_test=None)
    dataset = datasets.prepare("mine", settings)
    assert dataset.arrays().x_train.shape == (40, np.prod(shape[1:]))
    assert len(dataset.x_test) == 0


def test_an_imbalanced_subset_takes_the_first_of_each_class():
    settings = {"source": "sklearn", "n": 1500, "per_class": list(range(20, 120, 10))}
    dataset = datasets.prepare("few", settings)
    assert np.bincount(dataset.y_train).tolist() == settings["per_class"]
    whole = datasets.prepare("all", {"source": "sklearn", "n": 1500})
    np.testing.assert_array_equal(dataset.x_train[:20], whole.x_train[:20])


def test_random_labels_are_drawn_afresh_for_each_seed_over_the_same_points():
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 300})
    first, second = dataset.with_random_labels(0), dataset.with_random_labels(1)
    for drawn in (first, second):
        assert (np.diff(drawn.y_train) >= 0).all()
        assert np.bincount(drawn.y_train).tolist() == np.bincount(dataset.y_train).tolist()
        assert sorted(map(bytes, drawn.x_train)) == sorted(map(bytes, dataset.x_train))
    assert not np.array_equal(first.x_train, second.x_train)
    np.testing.assert_array_equal(first.x_train, dataset.with_random_labels(0).x_train)


def test_a_saved_dataset_comes_back_and_equal_ones_are_equal_files(tmp_path):
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 200})
    datasets.save(dataset, tmp_path / "a.npz")
    datasets.save(dataset, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    for name, array in vars(datasets.load(tmp_path / "a.npz")).items():
        np.testing.assert_array_equal(array, getattr(dataset, name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_saved_dataset_is_mapped_and_takes_the_disk_of_its_images(tmp_path, rng, kind):
    """50,000 colour images are 150 MB of uint8, plus two statistics per pixel."""
    x = rng.integers(0, 256, size=(300, 32, 32, 3)).astype(kind)
    settings, _ = write_npz(tmp_path / "mine.npz", rng, x_train=x, y_train=np.arange(300) % 3, x_test=None, y_test=None)
    datasets.save(datasets.prepare("mine", settings), tmp_path / "saved.npz")
    labels, statistics, headers = 8 * 300, 2 * 8 * 3 * 32 * 32, 3000
    assert (tmp_path / "saved.npz").stat().st_size < x.nbytes + labels + statistics + headers
    loaded = datasets.load(tmp_path / "saved.npz")
    assert isinstance(loaded.x_train, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        loaded.x_train[0] = 0
    assert loaded.arrays().x_test.shape == (0, 3 * 32 * 32)


def test_single_precision_is_rounded_from_double(tmp_path):
    dataset = datasets.prepare("digits", {"source": "sklearn", "n": 1500})
    single, double = dataset.arrays(torch.float32), dataset.arrays()
    assert single.x_train.dtype == torch.float32
    assert torch.equal(single.x_train, double.x_train.float())
    assert torch.equal(single.x_test, double.x_test.float())


def write_idx(folder, rng, train=60, test=20):
    """MNIST's files, with images of chance."""
    folder.mkdir(parents=True)
    written = {}
    for name, count in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, size=(count, 28, 28), dtype=np.uint8)
        labels = (np.arange(count) % 10).astype(np.uint8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 2051, count, 28, 28) + images.tobytes())
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 2049, count) + labels.tobytes())
        written[name] = images, labels
    return written


def test_mnist_that_lies_there_is_read(tmp_path, rng):
    written = write_idx(tmp_path / "MNIST" / "raw", rng)
    dataset = datasets.prepare("mnist", {"source": "torchvision", "n": 40}, tmp_path, download=False)
    images, labels = written["train"]
    order = np.argsort(labels[:40], kind="stable")
    np.testing.assert_array_equal(dataset.x_train[:, 0], images[:40][order])
    assert len(dataset.x_test) == 20


def test_mnist_is_downloaded_and_checked(tmp_path, rng, monkeypatch):
    """The real downloading, from a server on this machine."""
    write_idx(tmp_path / "made", rng)
    served = tmp_path / "served"
    served.mkdir()
    resources = []
    for path in sorted((tmp_path / "made").iterdir()):
        content = gzip.compress(path.read_bytes(), mtime=0)
        (served / f"{path.name}.gz").write_bytes(content)
        resources.append((f"{path.name}.gz", hashlib.md5(content).hexdigest()))

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=str(served))

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(torchvision.datasets.MNIST, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    settings = {"source": "torchvision", "n": 40}
    try:
        assert len(datasets.prepare("mnist", settings, tmp_path / "root", download=True).x_train) == 40
        # A file that is not what it should be is refused.
        wrong = [(name, "0" * 32) for name, _ in resources]
        monkeypatch.setattr(torchvision.datasets.MNIST, "resources", wrong)
        with pytest.raises(UserError, match=r"dataset mnist: downloading to .* failed"):
            datasets.prepare("mnist", settings, tmp_path / "other", download=True)
    finally:
        server.shutdown()
        server.server_close()


def test_svhn_is_read_from_its_mat_files(tmp_path, rng, monkeypatch):
    split_list = {}
    for split, count in (("train", 30), ("test", 12)):
        x = rng.integers(0, 256, size=(32, 32, 3, count), dtype=np.uint8)
        y = (np.arange(count) % 10 + 1)[:, None].astype(np.uint8)  # SVHN's zero is labelled 10
        path = tmp_path / f"{split}_32x32.mat"
        scipy.io.savemat(path, {"X": x, "y": y})
        split_list[split] = ["", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
        if split == "train":
            train_x, train_y = x, y[:, 0] % 10
    monkeypatch.setattr(torchvision.datasets.SVHN, "split_list", split_list)
    dataset = datasets.prepare("svhn", {"source": "torchvision", "n": 30}, tmp_path, download=False)
    order = np.argsort(train_y, kind="stable")
    np.testing.assert_array_equal(dataset.x_train, train_x.transpose(3, 2, 0, 1)[order])
    assert len(dataset.x_test) == 12


def damaged(folder, rng):
    write_idx(folder / "MNIST" / "raw", rng)
    file = folder / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        ({}, {"n": 41}, r"n is 41 but it has 40 training points; lower n"),
        ({}, {"per_class": [1000, 2, 2]}, r"per_class wants 1000 points of class 3, which has 20"),
        ({}, {"per_class": [2, 2]}, "2 counts for 3 classes"),
        ({}, {"n_test": 10}, "n_test is 10 but it has 9 test points"),
        ({"x_train": None}, {}, r"has no array x_train; save it with numpy\.savez\('my\.npz', x_train=…, y_train=…\)"),
        ({"y_train": np.zeros(39)}, {}, "x_train has 40 points but y_train has 39"),
        (
            {"y_train": np.full(40, 0.5)},
            {},
            "must be one class label per point, not float64 of shape .40,.; give whole numbers or strings",
        ),
        ({"y_train": np.zeros(40)}, {}, "all of one class"),
        ({"y_train": np.array([0] * 39 + [1])}, {}, "class 1 has 1 training point"),
        ({"x_train": np.full((40, 5, 4, 3), np.nan)}, {}, "x_train holds NaN"),
        ({"y_train": np.eye(40)}, {}, r"save numpy\.argmax\(y, axis=1\) if it is one-hot"),
        ({"y_train": np.full(40, np.nan)}, {}, "must be one class label per point"),
        (
            {"y_train": np.array(["a", "b"] * 20)},
            {},
            "y_train holds strings but y_test holds numbers; name the classes",
        ),
        ({"x_train": np.full((40, 6), "1.5")}, {}, r"holds <U3; give numbers, as x_train\.astype\(float\) does"),
        ({"x_train": np.zeros((40, 6), complex)}, {}, "holds complex128; give numbers"),
        (
            {"x_train": np.array([[1.5, "a"]] * 40, object)},
            {},
            r"x_train holds Python objects; save x_train\.astype\(float\)",
        ),
        ({"y_train": np.array(["a"] * 40, object)}, {}, r"y_train holds Python objects; save y_train\.astype\(str\)"),
        ({"x_train": np.float64(3)}, {}, "x_train is a single value"),
        ({"x_train": np.zeros(40)}, {}, "has shape"),
        ({"x_test": np.zeros((9, 4, 4, 3), np.uint8)}, {}, "test images are"),
        ({"y_test": None}, {}, "only one of x_test and y_test"),
        ({}, {"path": "nowhere.npz"}, r"the file nowhere\.npz was not found in /.*; correct datasets\.mine\.path"),
    ],
)
def test_arrays_that_cannot_be_meant_get_a_sentence(tmp_path, rng, change, settings, message):
    given, _ = write_npz(tmp_path / "mine.npz", rng, **change)
    with pytest.raises(UserError, match=message) as caught:
        datasets.prepare("mine", given | settings)
    assert str(caught.value).startswith("dataset mine: ")


def test_files_that_are_not_npz_get_a_sentence(tmp_path, rng):
    settings, _ = write_npz(tmp_path / "mine.npz", rng)
    whole = Path(settings["path"]).read_bytes()
    for content in (b"not a zip", b"", whole[: len(whole) // 2]):
        Path(settings["path"]).write_bytes(content)
        with pytest.raises(UserError, match=r"mine\.npz is not an npz file; save points and labels with numpy\.savez"):
            datasets.prepare("mine", settings)
    middle = len(whole) // 3
    Path(settings["path"]).write_bytes(whole[:middle] + bytes(99) + whole[middle + 99 :])
    with pytest.raises(UserError, match=r"is damaged \(.*\); save it again with numpy\.savez"):
        datasets.prepare("mine", settings)


def test_a_single_array_and_a_csv_given_as_npz_are_told_apart(tmp_path, rng):
    np.save(tmp_path / "x.npy", rng.normal(size=(9, 4)))
    with pytest.raises(UserError, match=r"x\.npy is not an npz file but a single array; .*numpy\.savez\('my\.npz'"):
        datasets.prepare("mine", {"source": "npz", "path": str(tmp_path / "x.npy")})
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"x\.csv is not an npz file; set source: csv"):
        datasets.prepare("mine", {"source": "npz", "path": str(tmp_path / "x.csv")})


def test_a_path_is_relative_to_the_working_directory_and_may_name_the_home(tmp_path, rng, monkeypatch):
    write_npz(tmp_path / "mine.npz", rng)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(datasets.prepare("mine", {"source": "npz", "path": "~/mine.npz"}).x_train) == 40
    monkeypatch.chdir(tmp_path)
    assert len(datasets.prepare("mine", {"source": "npz", "path": "mine.npz"}).x_train) == 40
    with pytest.raises(UserError, match=r"dataset mine: it has no path; set datasets\.mine\.path"):
        datasets.prepare("mine", {"source": "npz"})


def test_pytorchs_order_of_axes_is_refused_until_it_is_named(tmp_path, rng):
    last = rng.integers(0, 256, size=(40, 5, 10, 3), dtype=np.uint8)
    first = np.ascontiguousarray(last.transpose(0, 3, 1, 2))
    expected, _ = write_npz(tmp_path / "last.npz", rng, x_train=last, x_test=last[:9])
    given, _ = write_npz(tmp_path / "first.npz", rng, x_train=first, x_test=first[:9])
    with pytest.raises(
        UserError, match=r"\(40, 3, 5, 10\), which looks like N×C×H×W.*set axes: channels_first"
    ) as caught:
        datasets.prepare("mine", given)
    assert "x_train.transpose(0, 2, 3, 1)" in str(caught.value)
    expected, found = datasets.prepare("mine", expected), datasets.prepare("mine", given | {"axes": "channels_first"})
    np.testing.assert_array_equal(found.x_train, expected.x_train)
    np.testing.assert_array_equal(found.x_test, expected.x_test)
    np.testing.assert_allclose(found.std, expected.std, rtol=1e-14)  # sums in another order
    assert datasets.prepare("mine", given | {"axes": "channels_last"}).image_shape == (10, 3, 5)


@pytest.mark.parametrize("shape", [(40, 5, 4, 3), (40, 3, 4, 3), (40, 1, 4, 1), (40, 5, 4, 7), (40, 3, 9), (40, 9)])
def test_shapes_that_can_be_meant_are_not_taken_for_pytorchs(tmp_path, rng, shape):
    settings, _ = write_npz(tmp_path / "mine.npz", rng, x_train=rng.normal(size=shape), x_test=None, y_test=None)
    channels = shape[3] if len(shape) == 4 else 1
    assert datasets.prepare("mine", settings).image_shape[0] == channels


@pytest.mark.parametrize("kind", [bool, np.int8, np.int32, np.int64, np.uint16, np.uint64, np.float16, np.longdouble])
def test_pixels_of_any_type_of_number_are_the_same_numbers(tmp_path, rng, kind):
    x = rng.integers(0, 2, size=(40, 6)) if kind is bool else rng.integers(0, 100, size=(40, 6))
    settings, _ = write_npz(tmp_path / "mine.npz", rng, x_train=x.astype(kind), x_test=None, y_test=None)
    reference, _ = write_npz(tmp_path / "float.npz", rng, x_train=x.astype(float), x_test=None, y_test=None)
    found, expected = datasets.prepare("mine", settings), datasets.prepare("mine", reference)
    np.testing.assert_array_equal(found.x_train, expected.x_train)
    np.testing.assert_allclose(found.arrays().x_train, expected.arrays().x_train, rtol=1e-13)
    if np.dtype(kind).kind in "biu":
        assert found.x_train.dtype == np.uint8


def test_integers_beyond_a_byte_are_kept(tmp_path):
    x = np.array([[-3, 70_000], [5, 2], [300, 1], [0, 0]])
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=[0, 1, 0, 1])
    dataset = datasets.prepare("mine", {"source": "npz", "path": str(tmp_path / "mine.npz")})
    np.testing.assert_array_equal(dataset.x_train[:, 0, 0], x[[0, 2, 1, 3]])
    flat = x[[0, 2, 1, 3]].astype(float)
    np.testing.assert_allclose(dataset.arrays().x_train, (flat - flat.mean(0)) / flat.std(0, ddof=1), rtol=1e-13)


NUMBERS = np.tile([3, 7, 5, 3], 10)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (NUMBERS.astype(np.uint8), ["3", "5", "7"]),
        (NUMBERS - 4, ["-1", "1", "3"]),
        (NUMBERS.astype(np.float32), ["3", "5", "7"]),
        (NUMBERS[:, None], ["3", "5", "7"]),
        (np.array(["cat", "dog", "cow", "cat"] * 10), ["cat", "cow", "dog"]),
        (np.array(["cat", "dog", "cow", "cat"] * 10)[:, None], ["cat", "cow", "dog"]),
        (np.array([b"cat", b"dog", b"cow", b"cat"] * 10), ["cat", "cow", "dog"]),
        (NUMBERS > 3, ["False", "True"]),
    ],
)
def test_labels_of_any_kind_are_numbered_and_their_names_are_kept(tmp_path, rng, labels, classes):
    settings, raw = write_npz(tmp_path / "mine.npz", rng, y_train=labels, y_test=labels[:9])
    dataset = datasets.prepare("mine", settings)
    names = labels.reshape(-1).astype(int if labels.dtype.kind == "f" else labels.dtype).astype(str)
    order = np.argsort([classes.index(name) for name in names], kind="stable")
    assert dataset.classes.tolist() == classes
    assert dataset.classes[dataset.y_train].tolist() == names[order].tolist()
    assert dataset.classes[dataset.y_test].tolist() == names[:9].tolist()
    np.testing.assert_array_equal(dataset.x_train, raw["x_train"][order].transpose(0, 3, 1, 2))
    datasets.save(dataset, tmp_path / "saved.npz")
    assert datasets.load(tmp_path / "saved.npz").facts() == dataset.facts()
    assert dataset.with_random_labels(0).facts()["classes"] == classes


def test_test_points_of_unseen_classes_are_counted_and_logged(tmp_path, rng, caplog):
    settings, _ = write_npz(tmp_path / "mine.npz", rng, y_test=np.array([3, 9, 8, 3, 9, 5, 7, 7, 7]))
    dataset = datasets.prepare("mine", settings)
    assert dataset.facts() | {"classes": None} == {
        "points": 40,
        "test_points": 6,
        "image_shape": (3, 5, 4),
        "is_image": True,
        "classes": None,
        "class_sizes": [20, 10, 10],
        "dropped_test_points": 3,
    }
    assert caplog.messages == ["dataset mine: left out 3 of 9 test points, whose classes have no training point: 8, 9"]
    json.dumps(dataset.facts())
    datasets.save(dataset, tmp_path / "saved.npz")
    assert datasets.load(tmp_path / "saved.npz").dropped_test_points == 3
    caplog.clear()
    datasets.prepare("digits", {"source": "sklearn", "n": 300})
    assert not caplog.messages


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 8, 8), None),
        ((1, 28, 28), None),
        (
            (1, 1, 20),
            "mine: vgg11 needs images of at least 8×8 pixels, but the points are vectors of 20 numbers; train mlp",
        ),
        ((3, 7, 32), "the points are images of 7×32 pixels"),
        ((10, 3, 10), "the points are images of 3×10 pixels"),
    ],
)
def test_convnets_are_for_images_of_eight_pixels_a_side(shape, message):
    if message is None:
        return datasets.check_convnet("mine", "vgg11", shape)
    with pytest.raises(UserError, match=message):
        datasets.check_convnet("mine", "vgg11", shape)


def test_vectors_are_no_images(tmp_path, rng):
    settings, _ = write_npz(tmp_path / "mine.npz", rng, x_train=rng.normal(size=(40, 64)), x_test=None, y_test=None)
    assert not datasets.prepare("mine", settings).is_image
    assert datasets.prepare("digits", {"source": "sklearn"}).is_image


def test_shuffling_draws_one_order_for_the_training_points(tmp_path):
    x = np.arange(40.0)[:, None]
    np.savez(tmp_path / "mine.npz", x_train=x, y_train=np.arange(40) // 10)
    settings = {"source": "npz", "path": str(tmp_path / "mine.npz"), "n": 20, "shuffle": True}
    first, second = datasets.prepare("mine", settings), datasets.prepare("other", settings)
    assert len(first.classes) == 4  # the first 20 in their own order are of two classes
    np.testing.assert_array_equal(first.x_train, second.x_train)
    np.testing.assert_array_equal(first.y_train, first.x_train[:, 0, 0, 0] // 10)


CSV = """length, colour, sold, species
1.5, red, True, setosa
2, blue, False, virginica
-1e1, red, False, setosa
4, green, True, virginica
5, blue, True, setosa
6, red, False, virginica
"""


def write_csv(folder, text):
    (folder / "mine.csv").write_text(text)
    return {"source": "csv", "path": str(folder / "mine.csv")}


def test_a_csv_has_numbers_and_one_column_per_value_of_text(tmp_path):
    dataset = datasets.prepare("mine", write_csv(tmp_path, CSV) | {"target": "species", "n": 5})
    rows = [[1.5, 0, 0, 1, 1], [-10, 0, 0, 1, 0], [5, 1, 0, 0, 1], [2, 1, 0, 0, 0], [4, 0, 1, 0, 1]]  # blue, green, red
    np.testing.assert_array_equal(dataset.x_train[:, 0, 0], rows)
    assert dataset.y_train.tolist() == [0, 0, 0, 1, 1]
    assert dataset.classes.tolist() == ["setosa", "virginica"]
    np.testing.assert_array_equal(dataset.x_test[:, 0, 0], [[6, 0, 0, 1, 0]])
    last = datasets.prepare("mine", write_csv(tmp_path, CSV))
    assert (len(last.x_train), len(last.x_test), last.image_shape) == (6, 0, (1, 1, 5))
    other = datasets.prepare("mine", write_csv(tmp_path, CSV) | {"target": "sold"})
    assert other.classes.tolist() == ["False", "True"]


@pytest.mark.parametrize("header", ["0,1,2", "0,1,label", "2019,2020,label"])
def test_columns_named_by_their_numbers_are_a_header(tmp_path, header):
    rows = "".join(f"{i},{i * i},{i % 2}\n" for i in range(6))
    dataset = datasets.prepare("mine", write_csv(tmp_path, f"{header}\n{rows}"))
    assert (len(dataset.x_train), dataset.image_shape) == (6, (1, 1, 2))


def test_settings_of_another_source_are_refused(tmp_path, rng):
    settings, _ = write_npz(tmp_path / "mine.npz", rng)
    with pytest.raises(UserError, match="dataset mine: image_size is for source: torchvision, not for npz; remove it"):
        datasets.prepare("mine", settings | {"image_size": 32})
    with pytest.raises(UserError, match="path is for source: npz or csv, not for sklearn"):
        datasets.prepare("digits", {"source": "sklearn", "path": "x.npz"})
    nothing = {"image_size": None, "axes": None, "target": None, "n": None, "n_test": None, "per_class": None}
    assert len(datasets.prepare("mine", settings | nothing).x_train) == 40


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        (CSV, {"target": "specie"}, r"mine\.csv has no column 'specie'; did you mean 'species'\?"),
        ("1,2,0\n3,4,1\n", {}, r"first line of mine\.csv holds data; put a line with the columns' names first"),
        ("5.1,3.5,setosa\n4.9,3.0,setosa\n", {}, r"first line of mine\.csv holds data"),
        ("1,1,a\n4,3,b\n", {}, r"first line of mine\.csv holds data"),
        (",a,y\n0,5,0\n1,6,1\n2,7,1\n", {}, r"has no name and counts the rows; remove it, as to_csv\(…, index=False\)"),
        ("a;b\n1;2\n", {}, "separated by semicolons or tabs; save it with commas"),
        ("a\tb\n1\t2\n", {}, "separated by semicolons or tabs"),
        ("a,b,y\n1,,0\n3,4,1\n", {}, "columns with empty or infinite cells: b; fill them or remove the rows"),
        ("a,b,y\n1,inf,0\n3,4,1\n", {}, "columns with empty or infinite cells: b"),
        ("a,y\n1,0\n3,\n", {}, "column 'y' has empty cells; remove the rows without a target"),
        ("y\n0\n1\n", {}, "there is no column besides the target"),
        ("a,y\n", {}, "has a header but no rows"),
        ("", {}, r"mine\.csv cannot be read as csv \(No columns"),
        ("a,y\n1,0\n1,2,3,4\n", {}, "cannot be read as csv"),
        ("a,y\n1,0.5\n1,0.7\n", {}, "y_train must be one class label per point, not float64"),
        (
            "name,y\n" + "".join(f"person {i},{i % 2}\n" for i in range(51)),
            {},
            "columns of text with more than 50 distinct values: name; remove them or turn them into numbers",
        ),
    ],
)
def test_a_csv_that_cannot_be_meant_gets_a_sentence(tmp_path, text, settings, message):
    with pytest.raises(UserError, match=message) as caught:
        datasets.prepare("mine", write_csv(tmp_path, text) | settings)
    assert str(caught.value).startswith("dataset mine: ")
    assert "\n" not in str(caught.value)


def test_missing_and_damaged_torchvision_data_get_a_sentence(tmp_path, rng):
    settings = {"source": "torchvision", "n": 40}
    for name in ("mnist", "cifar10", "svhn"):
        with pytest.raises(UserError, match=rf"dataset {name}: no whole copy .*data.download: true"):
            datasets.prepare(name, settings, tmp_path / "empty", download=False)
    damaged(tmp_path, rng)
    with pytest.raises(UserError, match="no whole copy"):
        datasets.prepare("mnist", settings, tmp_path, download=False)


@pytest.mark.skipif(REAL is None, reason="AGOP_DNC_DATA names no folder with the real MNIST")
def test_the_real_mnist():
    dataset = datasets.prepare("mnist", {"source": "torchvision", "n": 2000}, REAL, download=False)
    assert np.bincount(dataset.y_train).tolist() == [191, 220, 198, 191, 214, 180, 200, 224, 172, 210]
    assert torch.isfinite(dataset.arrays().x_train).all()
