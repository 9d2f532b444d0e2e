"""A small network that gives scores of classes, and a vector of what it made them from."""

from torch import nn
from torch.nn import functional as F

from detector import C3, conv

SIZE = 64


class Classifier(nn.Module):
    """Gives scores [n, classes, 1, 1] and vectors [n, 64]."""

    def __init__(self, classes, c=(24, 48, 96, 128)):
        super().__init__()
        self.body = nn.Sequential(conv(3, c[0], 3, 2), conv(c[0], c[1], 3, 2), C3(c[1], c[1], 1),
                                  conv(c[1], c[2], 3, 2), C3(c[2], c[2], 2), conv(c[2], c[3], 3, 2),
                                  C3(c[3], c[3], 1), conv(c[3], 32))
        self.vector, self.scores = nn.Linear(32 * (SIZE // 16) ** 2, 64), nn.Linear(64, classes)

    def forward(self, x):
        vector = self.vector(self.body(x).flatten(1))
        return self.scores(F.silu(vector))[:, :, None, None], vector


def losses_of(results, classes):
    return F.cross_entropy(results[0][:, :, 0, 0], classes).reshape(1)
