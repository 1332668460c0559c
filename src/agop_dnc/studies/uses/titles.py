"""Name models, scores and kinds of points for readers."""

from __future__ import annotations

from ...notes import title

MODELS = {
    "relu": "Deep RFM, ReLU features",
    "cos": "Deep RFM, cosine features",
    "mlp": "MLP, squared error",
    "mlp_cross_entropy": "MLP, cross-entropy",
}
LOSSES = {"squared_error": "squared error", "cross_entropy": "cross-entropy"}
SCORES = {
    "angle": "angle to the nearest vertex",
    "distance": "distance to the nearest mean",
    "subspace": "share in the subspace of the means",
    "mahalanobis": "Mahalanobis distance",
    "neighbours": "nearest neighbours",
    "softmax": "maximum softmax probability",
    "energy": "energy",
}
POINTS = {
    "held_out": "held-out classes",
    "noise": "noise",
    "rotated": "rotated images",
    "photographs": "photographs",
}


def model_title(model: str) -> str:
    """Return a model's name for readers.

    >>> model_title("mlp"), model_title("cos")
    ('MLP, squared error', 'Deep RFM, cosine features')
    """
    return MODELS[model]


def readout_title(loss: str, dimension: int | str) -> str:
    """Return the name of a network of the comparison of readouts.

    >>> readout_title("squared_error", 9)
    'MLP, squared error, d=9'
    """
    return f"MLP, {LOSSES[loss]}, d={dimension}"


def points_title(points: str) -> str:
    """Return the name of a kind of points, or of the dataset that they are from, for readers.

    >>> points_title("held_out"), points_title("svhn")
    ('held-out classes', 'SVHN')
    """
    return POINTS.get(points, title(points))
