"""A small U-shaped network that gives scores of classes for each second pixel of a row and of a column."""

import torch
from torch import nn
from torch.nn import functional as F

from detector import C3, SPPF, conv

SIZE = 128


class Segmenter(nn.Module):
    def __init__(self, classes, c=(16, 32, 64, 96)):
        super().__init__()
        self.to2 = conv(3, c[0], 3, 2)
        self.to4 = nn.Sequential(conv(c[0], c[1], 3, 2), C3(c[1], c[1], 1))
        self.to8 = nn.Sequential(conv(c[1], c[2], 3, 2), C3(c[2], c[2], 2))
        self.to16 = nn.Sequential(conv(c[2], c[3], 3, 2), C3(c[3], c[3], 1), SPPF(c[3]))
        self.at8, self.at4 = C3(c[2] + c[3], c[2], 1, False), C3(c[1] + c[2], c[1], 1, False)
        self.at2, self.scores = conv(c[0] + c[1], c[0], 3), nn.Conv2d(c[0], classes, 1)

    def forward(self, x):
        x2 = self.to2(x)
        x4 = self.to4(x2)
        x8 = self.to8(x4)
        up8 = self.at8(torch.cat((F.interpolate(self.to16(x8), scale_factor=2.0), x8), 1))
        up4 = self.at4(torch.cat((F.interpolate(up8, scale_factor=2.0), x4), 1))
        return self.scores(self.at2(torch.cat((F.interpolate(up4, scale_factor=2.0), x2), 1)))


def losses_of(scores, classes):
    """`classes`: [n, height, width] of the pictures' pixels."""
    # Most pixels show the ground.
    weights = torch.ones(scores.shape[1])
    weights[0] = 0.25
    return F.cross_entropy(scores, classes[:, 1::2, 1::2], weights).reshape(1)
