"""Every choice of the network, with its reason."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from usnet.anchors import AnchorSpec


class NetworkConfig(BaseModel):
    """Settings of :class:`usnet.models.network.USNet`. Defaults are the paper's; what it leaves open is said beside it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: Literal["resnet18", "resnet34", "resnet50"] = Field("resnet50", description="the paper's is ResNet-50")
    last_stage: Literal["dropped", "dilated"] = Field(
        "dilated",
        description="the paper keeps three maps, 64, 32 and 16 wide, and does not say what becomes of ResNet's last stage: "
        "'dilated' keeps it at stride 16 in place of the third, 'dropped' leaves it out (a third of the weights)",
    )
    norm: Literal["batch", "group"] = Field(
        "batch", description="'group' does not depend on the batch: small batches, DDP on CPUs"
    )
    pyramid_channels: int = Field(256, ge=8)
    head_channels: int = Field(256, ge=8)
    head_depth: int = Field(4, ge=1, description="convolutions before a head's output, as RetinaNet")
    prior: float = Field(
        0.01, gt=0, lt=1, description="initial score of every anchor, so that background does not drown step one"
    )
    mean: float = Field(0.22, description="grey level of the training images in [0, 1], normalised inside the network")
    std: float = Field(0.20, gt=0)
    anchors: AnchorSpec = AnchorSpec()


class LossConfig(BaseModel):
    """Settings of :func:`usnet.models.loss.detection_loss`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gamma: float = Field(3.0, ge=0, description="the paper's, against RetinaNet's 2: nodules are sparse")
    alpha: float = Field(
        0.25, ge=0, le=1, description="weight of positives, 1 - alpha of background; 0.5 treats both alike"
    )
    normaliser: Literal["batch", "image"] = Field(
        "batch", description="divide by the batch's positives; 'image' lets one normal image outweigh a lesion"
    )
    box_weight: float = Field(1.0, ge=0)
    smooth_l1_beta: float = Field(1 / 9, gt=0, description="RetinaNet's")
    positive_iou: float = Field(0.5, gt=0, lt=1)
    negative_iou: float = Field(0.4, gt=0, lt=1, description="anchors between the two are ignored")
