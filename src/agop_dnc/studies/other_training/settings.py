"""Settings of the study that its jobs need as well."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...models.settings import (
    HeadSettings,
    InitialisationSettings,
    LossName,
    MlpSettings,
    ObjectiveSettings,
    OptimiserSettings,
)
from ...settings import Settings, with_default


class Training(Settings):
    """One way of training; the defaults are the paper's."""

    loss: LossName = with_default(ObjectiveSettings, "loss", "squared_error")
    weight_decay: float = with_default(ObjectiveSettings, "weight_decay", 0.0)
    label_noise: float = Field(0.0, ge=0, le=1, description="Share of the training labels that are drawn at random.")
    batch_norm: bool = Field(False, description="Whether hidden layers have batch normalisation.")


class WaysSettings(MlpSettings):
    """Describe an MLP, its optimiser, and the ways in which it is trained, each of which changes at most one thing."""

    hidden_layers: int = with_default(HeadSettings, "hidden_layers", 3)
    width: int = with_default(HeadSettings, "width", 128)
    init_scale: float = with_default(InitialisationSettings, "init_scale", 0.3)
    epochs: int = with_default(OptimiserSettings, "epochs", 200)
    learning_rate: float = with_default(OptimiserSettings, "learning_rate", 0.05)
    momentum: float = with_default(OptimiserSettings, "momentum", 0.9)
    weight_decay: list[Annotated[float, Field(gt=0)]] = Field([0.0005], description="Weight decays other than 0.")
    label_noise: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [0.1, 0.3, 0.6, 1.0],
        description="Shares of the training labels that are drawn again, uniformly over all classes, next to none.",
    )

    def ways(self) -> list[Training]:
        """Return every way of training: squared error without anything else, then each change by itself.

        >>> [way.label_noise for way in WaysSettings(label_noise=[0.5]).ways()]
        [0.0, 0.0, 0.0, 0.0, 0.5]
        """
        return [
            Training(),
            Training(loss="cross_entropy"),
            *(Training(weight_decay=decay) for decay in self.weight_decay),
            Training(batch_norm=True),
            *(Training(label_noise=rate) for rate in self.label_noise),
        ]
