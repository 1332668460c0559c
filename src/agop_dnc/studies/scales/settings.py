"""Settings of the sweep that a job needs as well: how an MLP is trained until its loss is low enough."""

from __future__ import annotations

from pydantic import Field

from ...models.settings import HeadSettings, OptimiserSettings
from ...settings import with_default


class TrainToSettings(HeadSettings, OptimiserSettings):
    """How an MLP is trained until its loss is low enough."""

    epochs: int = Field(600, ge=1, description="Epochs after which a training that has not reached the loss is ended.")
    learning_rate: float = with_default(OptimiserSettings, "learning_rate", 0.1)
    momentum: float = with_default(OptimiserSettings, "momentum", 0.9)
    batch_size: int = Field(64, ge=1, description="Points per step.")
    loss: float = Field(
        0.01,
        gt=0,
        description="Training ends after the first epoch at whose end the mean squared error of all training points is below this.",
    )
