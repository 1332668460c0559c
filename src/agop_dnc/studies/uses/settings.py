"""Settings of the study that its jobs need as well."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ...models.settings import (
    HeadSettings,
    InitialisationSettings,
    LossName,
    MlpSettings,
    OptimiserSettings,
)
from ...settings import Settings, with_default

ModelName = Literal["relu", "cos", "mlp", "mlp_cross_entropy"]
# The networks among the models, with what they are trained on.
NETWORKS: dict[str, LossName] = {"mlp": "squared_error", "mlp_cross_entropy": "cross_entropy"}


class ScoringSettings(Settings):
    """How points of another distribution are made, and how points are scored."""

    held_out: int = Field(
        3,
        ge=1,
        description="How many classes no model is trained on. Which ones goes round with the seed: seed s holds out the classes from "
        "s·held_out on.",
    )
    neighbours: int = Field(10, ge=1, description="k of the score by the distance to the k-th nearest training point.")
    shrinkage: float = Field(
        0.001,
        gt=0,
        le=1,
        description="Share of the identity, scaled to the same trace, in the shared covariance of the Mahalanobis distance.",
    )


class SmallMlpSettings(MlpSettings):
    """An MLP, and how it is trained."""

    hidden_layers: int = with_default(HeadSettings, "hidden_layers", 3)
    width: int = with_default(HeadSettings, "width", 256)
    init_scale: float = with_default(InitialisationSettings, "init_scale", 0.3)
    epochs: int = with_default(OptimiserSettings, "epochs", 60)
    learning_rate: float = with_default(OptimiserSettings, "learning_rate", 0.05)
    momentum: float = with_default(OptimiserSettings, "momentum", 0.9)


class ReadoutJobSettings(MlpSettings):
    """What a job needs to know of the section's `readouts`."""

    losses: list[LossName]
    larger: int
