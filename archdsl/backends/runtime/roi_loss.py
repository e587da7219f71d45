"""The loss of what is said of regions.

R. Girshick, "Fast R-CNN", arXiv:1504.08083, section 2.3.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from archdsl.backends.runtime.boxes import at_least_single


def roi_loss(scores: Tensor, deltas: Tensor, labels: Tensor, targets: Tensor, beta: float, box: float) -> Tensor:
    """Mean loss of the classes of regions, plus ``box`` times that of their refinements.

    Parameters
    ----------
    scores
        ``(regions, classes)``, the first the background.
    deltas
        ``(regions, 4 * n)``: four for each class, for each but the background, or for all of them.
    labels
        ``(regions, 1)``: 0 for the background and -1 for none.
    targets
        ``(regions, 4)``: what ``deltas`` should be for the label.
    """
    scores, found = at_least_single(scores), at_least_single(deltas).reshape(-1, deltas.shape[1] // 4, 4)
    label, wanted = labels.squeeze(1), targets.detach().to(found.dtype)
    entropy = F.cross_entropy(scores, label, ignore_index=-1, reduction="sum")
    # Regions of the background have a row as well, which does not count.
    column = (label - (scores.shape[1] - found.shape[1])).clamp(min=0)
    found = found.gather(1, column.view(-1, 1, 1).expand(-1, 1, 4)).squeeze(1)
    distance = F.smooth_l1_loss(found, wanted, reduction="none", beta=beta) * (label > 0).unsqueeze(1)
    return (entropy + box * distance.sum()) / (label >= 0).sum().clamp(min=1)
