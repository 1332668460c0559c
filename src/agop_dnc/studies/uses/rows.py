"""Score points of other distributions by the features of every layer: rows of out_of_distribution.csv.

Features are X̃ = X M^{1/2} of a Deep RFM's layers and the outputs of a network's hidden layers; layer 0 is the points themselves.
Outputs are those of the layer's predictor in a Deep RFM, which takes the layer's input, and of its final predictor or a network's
readout at the layer after the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from ...collapse.metrics import nc1
from ...collapse.scores import FeatureScores, auroc, false_positive_rate, output_scores
from ...labels import signed_one_hot
from ...models.deep_rfm import PRECISIONS, final_predictor, layers
from ...models.networks import Network, build
from ...models.objectives import descend, targets_of
from ...models.settings import DeepRfmSettings, LossName, MlpSettings, ObjectiveSettings
from ...pipeline.tables import Row
from ..generalisation.rows import hidden_outputs
from .points import Split
from .settings import ScoringSettings


def deep_rfm_rows(split: Split, settings: DeepRfmSettings, seed: int, scoring: ScoringSettings) -> Iterator[Row]:
    """Yield the rows of a Deep RFM that is fitted to a split's training points.

    Args:
        split: Training, test and other points.
        settings: The Deep RFM's.
        seed: Of its random features.
        scoring: Settings of the scores.
    """
    arrays, points = split.arrays, _Points(split, scoring)
    Y, X, features = signed_one_hot(arrays.y_train), points.all.to(PRECISIONS[settings.precision]), arrays.x_train
    yield from points.features(0, arrays.x_train, X)
    for index, (layer, projected, mapped) in enumerate(layers(arrays.x_train, Y, settings, seed), start=1):
        yield from points.outputs(index, layer.predictor(X))
        X = layer.projected(X)
        yield from points.features(index, projected, X)
        X, features = layer.features(X), mapped
    final = final_predictor(features, Y, settings)
    yield from points.outputs(settings.depth + 1, final(X))
    yield from points.accuracies(settings.depth + 1, final(final.X), final(X))


def network_rows(
    split: Split, settings: MlpSettings, loss: LossName, seed: int, scoring: ScoringSettings
) -> Iterator[Row]:
    """Yield the rows of an MLP that is trained on a split's training points.

    Args:
        split: Training, test and other points.
        settings: The MLP's, and how it is trained.
        loss: What it is trained on.
        seed: Of its initialisation and batches.
        scoring: Settings of the scores.
    """
    arrays = split.arrays
    x, K = arrays.x_train.float(), int(arrays.y_train.max()) + 1
    head = {"hidden_layers": settings.hidden_layers, "width": settings.width, "init_scale": settings.init_scale}
    network = build("mlp", arrays.image_shape, K, seed=seed, **head).to(x.device)
    targets = targets_of(arrays.y_train, K, loss).float()
    for _ in descend(
        network, x.reshape(-1, *arrays.image_shape), targets, settings, seed, ObjectiveSettings(loss=loss)
    ):
        pass
    yield from _of_trained(network.eval(), split, scoring)


@torch.no_grad()
def _of_trained(network: Network, split: Split, scoring: ScoringSettings) -> Iterator[Row]:
    points, shape = _Points(split, scoring), split.arrays.image_shape
    x, others = split.arrays.x_train.float(), points.all.float()
    yield from points.features(0, x, others)
    index = 0
    for index, (h, h_others) in enumerate(
        zip(hidden_outputs(network, x, shape), hidden_outputs(network, others, shape), strict=True), start=1
    ):
        yield from points.features(index, h, h_others)
    readout = network.head[-1]
    yield from points.outputs(index + 1, readout(h_others))
    yield from points.accuracies(index + 1, readout(h), readout(h_others))


class _Points:
    """A split's test points with all others behind them, and the rows that their scores make."""

    def __init__(self, split: Split, scoring: ScoringSettings) -> None:
        self.y, self.y_test = split.arrays.y_train, split.arrays.y_test
        self.all = torch.cat([split.arrays.x_test, *split.others.values()])
        self._kinds, self._sizes = list(split.others), [len(self.y_test), *map(len, split.others.values())]
        self._scoring = scoring

    def features(self, layer: int, of_training: Tensor, features: Tensor) -> Iterator[Row]:
        """Yield NC1 of the training points' features, and how the scores of all points' features separate them."""
        yield _row(layer, "features", "train", "nc1", nc1(of_training, self.y))
        fitted = FeatureScores(of_training, self.y, self._scoring.neighbours, self._scoring.shrinkage)
        yield from self._separated(layer, fitted.score(features))

    def outputs(self, layer: int, outputs: Tensor) -> Iterator[Row]:
        """Yield how the scores of all points' outputs separate them."""
        yield from self._separated(layer, output_scores(outputs))

    def accuracies(self, layer: int, of_training: Tensor, outputs: Tensor) -> Iterator[Row]:
        """Yield the accuracy at training and at test points."""
        test = outputs[: len(self.y_test)]
        for points, found, labels in (("train", of_training, self.y), ("test", test, self.y_test)):
            yield _row(layer, "outputs", points, "accuracy", float((found.argmax(1) == labels).double().mean()))

    def _separated(self, layer: int, scores: Mapping[str, Tensor]) -> Iterator[Row]:
        for score, values in scores.items():
            inside, *others = torch.split(values, self._sizes)
            for points, outside in zip(self._kinds, others, strict=True):
                yield _row(layer, score, points, "auroc", auroc(inside, outside))
                yield _row(layer, score, points, "fpr95", false_positive_rate(inside, outside))


def _row(layer: int, score: str, points: str, metric: str, value: float) -> Row:
    return {"layer": layer, "score": score, "points": points, "metric": metric, "value": value}
