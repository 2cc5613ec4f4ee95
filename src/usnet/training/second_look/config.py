"""The configuration of a second look's training: TOML, every key checked, each default with its reason."""

from __future__ import annotations

from pydantic import Field

from usnet.models.second_look import SecondLookConfig
from usnet.training.config import AugmentConfig, Settings, TrainingConfig


class JitterConfig(Settings):
    """How far a training box lies from the true one."""

    edge: float = Field(
        0.07, ge=0, le=0.25, description="standard deviation of each edge as a share of the box's extent along it"
    )
    reach: float = Field(
        1.5, ge=1, le=3, description="side of the stored crop over the plain one's: room for jitter, zoom and shift"
    )


class LookLossConfig(Settings):
    """Binary cross-entropy of malignancy, and of BI-RADS where it is known."""

    label_smoothing: float = Field(0.0, ge=0, lt=0.5)
    mixup: float = Field(0.0, ge=0, description="alpha of the Beta distribution (Zhang et al. 2018); 0 switches it off")
    birads: float = Field(0.5, ge=0, description="weight of the mean over the BI-RADS steps; 0 leaves them out")


class LookRunConfig(Settings):
    """A whole run."""

    name: str = "second-look"
    network: SecondLookConfig = SecondLookConfig()
    jitter: JitterConfig = JitterConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: LookLossConfig = LookLossConfig()
    training: TrainingConfig = TrainingConfig()
