"""A top-down pose network with SimCC heads: for each joint one row of logits over x and one over y."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from detector import C3, conv

WIDTH, HEIGHT = 96, 128
BINS = 2  # a pixel
SIGMA = 1.5  # in pixels, of the peaks that are taught
PEAK = 1 / (SIGMA * BINS * math.sqrt(2 * math.pi))


class Pose(nn.Module):
    """Gives simcc_x [n, joints, 192] and simcc_y [n, joints, 256]."""

    def __init__(self, joints, c=(24, 48, 96, 160)):
        super().__init__()
        self.body = nn.Sequential(conv(3, c[0], 3, 2), conv(c[0], c[0], 3), conv(c[0], c[1], 3, 2), C3(c[1], c[1], 1),
                                  conv(c[1], c[2], 3, 2), C3(c[2], c[2], 2), conv(c[2], c[3], 3, 2), C3(c[3], c[3], 2))
        self.fine, self.coarse = conv(c[2], joints * 2, 1), conv(c[3], joints * 6, 1)
        cells = (WIDTH // 8) * (HEIGHT // 8) * 2 + (WIDTH // 16) * (HEIGHT // 16) * 6
        self.joints, self.mix = joints, nn.Sequential(nn.Linear(cells, 160), nn.SiLU())
        self.x, self.y = nn.Linear(160, WIDTH * BINS), nn.Linear(160, HEIGHT * BINS)

    def forward(self, picture):
        fine = self.body[:6](picture)
        coarse = self.body[6:](fine)
        cells = torch.cat((self.fine(fine).reshape(-1, self.joints, 2 * (WIDTH // 8) * (HEIGHT // 8)),
                           self.coarse(coarse).reshape(-1, self.joints, 6 * (WIDTH // 16) * (HEIGHT // 16))), 2)
        mixed = self.mix(cells)
        return self.x(mixed), self.y(mixed)


def losses_of(results, joints):
    """Those of x and y. `joints`: [n, joints, 2] in pixels; those outside of the picture do not count."""
    losses = []
    inside = ((joints >= 0) & (joints < torch.tensor([WIDTH, HEIGHT]))).all(2)
    for axis, logits in enumerate(results):
        places = (torch.arange(logits.shape[2]) + 0.5) / BINS
        wanted = torch.softmax(-((places - joints[..., axis, None]) ** 2) / (2 * SIGMA**2), 2)
        losses.append(F.cross_entropy(logits[inside], wanted[inside]))
    return torch.stack(losses)
