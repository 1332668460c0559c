"""Labels of every kind become the same codes, and come back as they were."""

import numpy as np
import pandas as pd
import pytest
import torch

from agop_dnc.labels import decode, encode, signed_one_hot
from agop_dnc.models.deep_rfm import DeepRFM, Settings

CODES = [2, 0, 1, 0, 2]


@pytest.mark.parametrize(
    "y",
    [
        [17, -1, 5, -1, 17],
        np.array([17, -1, 5, -1, 17], dtype=np.int8),
        np.array([17, 1, 5, 1, 17], dtype=np.uint64),
        np.array([17.0, -1.0, 5.0, -1.0, 17.0], dtype=np.float32),
        torch.tensor([17, -1, 5, -1, 17], dtype=torch.int16),
        torch.tensor([17, -1, 5, -1, 17]).double(),
        torch.tensor([17, -1, 5, -1, 17]).bfloat16(),
        ["cat", "ant", "bee", "ant", "cat"],
        np.array(["cat", "ant", "bee", "ant", "cat"], dtype=object),
        pd.Series(["cat", "ant", "bee", "ant", "cat"]),
        pd.Series(["cat", "ant", "bee", "ant", "cat"], dtype="category"),
        pd.Series([17, -1, 5, -1, 17], index=range(5, 10)),
    ],
)
def test_labels_of_every_kind_have_codes_and_come_back(y):
    codes, classes = encode(y)
    assert codes.dtype == torch.int64
    assert codes.tolist() == CODES
    back = decode(codes, classes)
    assert isinstance(back, torch.Tensor) == isinstance(y, torch.Tensor)
    assert list(back) == list(y)
    if isinstance(y, torch.Tensor):
        assert back.dtype == y.dtype


def test_booleans_are_two_classes():
    for y in ([True, False], np.array([True, False]), torch.tensor([True, False])):
        codes, classes = encode(y)
        assert codes.tolist() == [1, 0]
        assert list(classes) == [False, True]


def test_given_classes_say_the_order_and_may_have_no_point():
    codes, classes = encode(["b", "c"], classes=["c", "a", "b"])
    assert codes.tolist() == [2, 0]
    assert list(classes) == ["c", "a", "b"]
    assert encode(torch.tensor([3.0, 1.0]), classes=range(1, 5))[0].tolist() == [2, 0]


@pytest.mark.parametrize(
    ("y", "classes", "message"),
    [
        ([[1, 0], [0, 1]], None, "argmax"),
        ([0.5, 1.0], None, "whole numbers or strings, but one is 0.5"),
        ([1.0, float("nan")], None, "one is nan"),
        ([1.0, float("inf")], None, "finite"),
        (["a", None], None, "missing values; these are NoneType, str"),
        (np.array(["a", 1.5, {}], dtype=object), None, "all numbers or all strings"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), None, "not datetime64"),
        ([0, 7], [0, 1], "label 7 is not among the classes 0, 1"),
        ([0, 1], [0, 0, 1], "names a class twice"),
        (["0"], [0, 1], "both as one kind"),
        ([0], [], "is not among the classes"),
    ],
)
def test_what_is_no_label_is_refused_in_a_sentence(y, classes, message):
    with pytest.raises(ValueError, match=message):
        encode(y, classes)


def test_targets_are_plus_one_for_the_class_of_all_that_there_are():
    assert signed_one_hot(torch.tensor([1, 0], dtype=torch.int32), 3).tolist() == [[-1, 1, -1], [1, -1, -1]]


@pytest.mark.parametrize(
    "relabel", [lambda y: y + 1, lambda y: np.array(["x", "y", "z"])[y], lambda y: y.to(torch.uint8)]
)
def test_a_deep_rfm_has_no_phantom_classes_whatever_the_labels(draw, relabel):
    X, y = draw(30, 4), torch.arange(30) % 3
    settings = Settings(depth=2, width=16)
    expected, labels = DeepRFM(settings).fit(X, y), relabel(y)
    model = DeepRFM(settings).fit(X, labels)
    assert torch.equal(model.decision_function(X), expected.decision_function(X))
    predicted = model.predict(X)
    assert type(predicted) is type(labels)
    assert list(predicted) == list(labels)
    assert len(model.classes_) == 3
