"""The focal loss for several gamma (Li et al. 2020, equation 1; Lin et al. 2017, Figure 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAMMAS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0)
PAPER = 3.0


def focal(p: npt.NDArray[np.float64], gamma: float) -> npt.NDArray[np.float64]:
    """``-(1 - p)^gamma log(p)`` with ``p`` the probability given to the true class; cross-entropy at ``gamma = 0``."""
    loss: npt.NDArray[np.float64] = -((1 - p) ** gamma) * np.log(p)
    return loss


def focal_loss_figure(gammas: Sequence[float] = GAMMAS) -> Figure:
    """Loss against the probability of the true class, a line a gamma; the paper's gamma of 3 is the thick one."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    p = np.linspace(0.002, 1, 500)
    for gamma in gammas:
        name = f"γ = {gamma:g}" + (" (cross-entropy)" if gamma == 0 else " (the paper)" if gamma == PAPER else "")
        axes.plot(p, focal(p, gamma), label=name, linewidth=3 if gamma == PAPER else 1.3)
    axes.axvspan(0.6, 1, color="0.93", zorder=0)
    axes.text(0.8, 3.2, "well classified", ha="center", color="0.35")
    axes.set(xlabel="probability of the true class", ylabel="loss", xlim=(0, 1), ylim=(0, 5))
    axes.set_title("Focal loss: −(1 − p)^γ log p", fontsize=11)
    axes.legend(frameon=False)
    return figure
