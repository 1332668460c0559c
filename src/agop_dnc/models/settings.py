"""Settings of the models: what defines a Deep RFM, a network and its training. The defaults are the paper's."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..settings import Settings, with_default


class PredictorSettings(Settings):
    """The predictor of each layer of a Deep RFM."""

    kernel: Literal["laplace", "gaussian"] = Field("laplace", description="The kernel of the predictors.")
    bandwidth: float = Field(2.0, gt=0, description="The kernel's bandwidth L.")


class ReluFeatureSettings(PredictorSettings):
    """ReLU features with weights uniform on ±1/√d."""

    width: int = Field(1024, ge=1, description="Number of features.")


class CosFeatureSettings(PredictorSettings):
    """Random Fourier features of the ℓ1-Laplacian kernel."""

    width: int = Field(4096, ge=1, description="Number of features.")
    feature_bandwidth: float = Field(0.05, gt=0, description="Scale of the Cauchy weights.")


class RecursionSettings(Settings):
    """What all layers of a Deep RFM share."""

    depth: int = Field(20, ge=1, description="Layers.")
    ridge: float = Field(
        0.0,
        ge=0,
        description="Added to the diagonal of the kernel matrix. If the matrix cannot be factorised with it, N·eps is used, "
        "times ten until it can; the table records `ridge_used`.",
    )
    precision: Literal["float64", "float32"] = Field("float64", description="Precision of kernel, solve and AGOP.")
    agop_scale: Literal["mean", "max", "sum"] = Field(
        "mean",
        description="Scale of the AGOP: `mean` over points (Section 3.2), `max` for largest entry 1 (the released code), `sum` "
        "(Algorithm 1). With ReLU features it cancels, with cosines it decides.",
    )


class DeepRfmSettings(RecursionSettings, CosFeatureSettings):
    """What defines a Deep RFM; the defaults are the paper's for ReLU features."""

    activation: Literal["relu", "cos"] = Field("relu", description="The random features: ReLU or cosines.")
    width: int = with_default(CosFeatureSettings, "width", ReluFeatureSettings.model_fields["width"].default)


class HeadSettings(Settings):
    """The linear layers of a network."""

    hidden_layers: int = Field(
        5, ge=1, description="Hidden layers of the MLP, and of the head that replaces a convnet's classifier."
    )
    width: int = Field(512, ge=1, description="Width of the hidden layers.")


class InitialisationSettings(Settings):
    """How a network's hidden layers are initialised."""

    init_scale: float = Field(0.3, gt=0, description="Gain of the Xavier-uniform initialisation.")


class NetworkSettings(HeadSettings, InitialisationSettings):
    """What defines a network, next to its architecture."""


class OptimiserSettings(Settings):
    """How long and how fast a network is trained."""

    epochs: int = Field(500, ge=1, description="Passes over the training points.")
    learning_rate: float = Field(0.05, gt=0, description="Step size of SGD.")
    momentum: float = Field(0.0, ge=0, lt=1, description="Momentum of SGD.")


class BatchSettings(Settings):
    """How the points are dealt out, and how often a network is measured."""

    batch_size: int = Field(128, ge=1, description="Points per step.")
    measure_every: int = Field(
        10,
        ge=1,
        description="Epochs between measurements; the first (0, untrained) and the last are always measured.",
    )


class TrainingSettings(OptimiserSettings, BatchSettings):
    """How a network is trained by stochastic gradient descent."""

    @property
    def measured_epochs(self) -> list[int]:
        """0, measure_every, 2 measure_every, … and the last.

        >>> TrainingSettings(epochs=25, learning_rate=0.1).measured_epochs
        [0, 10, 20, 25]
        """
        return sorted({*range(0, self.epochs + 1, self.measure_every), self.epochs})


LossName = Literal["squared_error", "cross_entropy"]


class ObjectiveSettings(Settings):
    """What a network is trained for."""

    loss: LossName = Field(
        "squared_error",
        description="`squared_error`: the mean square against ±1 targets, as in the paper; `cross_entropy`: of the outputs' softmax.",
    )
    weight_decay: float = Field(0.0, ge=0, description="λ of (λ/2)‖θ‖², added to the loss for all trained parameters.")


class DescentSettings(OptimiserSettings):
    """How long and how fast a network is trained, without snapshots."""

    batch_size: int = with_default(BatchSettings, "batch_size", 64)


class MlpSettings(HeadSettings, InitialisationSettings, DescentSettings):
    """A multilayer perceptron, and how it is trained without snapshots."""
