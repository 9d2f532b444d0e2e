"""A detector in the shape of YOLOv5-n: the network, and the loss that it learns by."""

import math

import torch
from torch import nn
from torch.nn import functional as F

SIZE = 320
STRIDES = (8, 16, 32)
ANCHORS = (((12, 12), (20, 20), (32, 32)), ((44, 44), (60, 60), (56, 90)), ((90, 90), (120, 120), (100, 170)))


def conv(inputs, outputs, kernel=1, stride=1):
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, (kernel - 1) // 2, bias=False),
                         nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03), nn.SiLU(inplace=True))


class Bottleneck(nn.Module):
    def __init__(self, channels, residual):
        super().__init__()
        self.body, self.residual = nn.Sequential(conv(channels, channels), conv(channels, channels, 3)), residual

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class C3(nn.Module):
    def __init__(self, inputs, outputs, depth, residual=True):
        super().__init__()
        half = outputs // 2
        self.deep = nn.Sequential(conv(inputs, half), *(Bottleneck(half, residual) for _ in range(depth)))
        self.short, self.join = conv(inputs, half), conv(outputs, outputs)

    def forward(self, x):
        return self.join(torch.cat((self.deep(x), self.short(x)), 1))


class SPPF(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.enter, self.join = conv(channels, channels // 2), conv(channels * 2, channels)

    def forward(self, x):
        pools = [self.enter(x)]
        for _ in range(3):
            pools.append(F.max_pool2d(pools[-1], 5, 1, 2))
        return self.join(torch.cat(pools, 1))


class Detector(nn.Module):
    """Gives, for each stride, [n, 3 anchors, rows, columns, 5 + classes] of logits."""

    def __init__(self, classes, c=(16, 32, 64, 128, 256)):
        super().__init__()
        self.numbers = 5 + classes
        self.to8 = nn.Sequential(conv(3, c[0], 6, 2), conv(c[0], c[1], 3, 2), C3(c[1], c[1], 1),
                                 conv(c[1], c[2], 3, 2), C3(c[2], c[2], 2))
        self.to16 = nn.Sequential(conv(c[2], c[3], 3, 2), C3(c[3], c[3], 3))
        self.to32 = nn.Sequential(conv(c[3], c[4], 3, 2), C3(c[4], c[4], 1), SPPF(c[4]))
        self.narrow32, self.narrow16 = conv(c[4], c[3]), conv(c[3], c[2])
        self.up16, self.up8 = C3(c[4], c[3], 1, False), C3(c[3], c[2], 1, False)
        self.down8, self.down16 = conv(c[2], c[2], 3, 2), conv(c[3], c[3], 3, 2)
        self.out16, self.out32 = C3(c[3], c[3], 1, False), C3(c[4], c[4], 1, False)
        self.heads = nn.ModuleList(nn.Conv2d(i, 3 * self.numbers, 1) for i in c[2:])
        with torch.no_grad():
            for head, stride in zip(self.heads, STRIDES):
                bias = head.bias.view(3, -1)
                bias[:, 4] = math.log(6 / (320 / stride) ** 2)
                bias[:, 5:] = math.log(0.6 / (classes - 0.99))

    def forward(self, x):
        p8 = self.to8(x)
        p16 = self.to16(p8)
        n32 = self.narrow32(self.to32(p16))
        n16 = self.narrow16(self.up16(torch.cat((F.interpolate(n32, scale_factor=2.0), p16), 1)))
        o8 = self.up8(torch.cat((F.interpolate(n16, scale_factor=2.0), p8), 1))
        o16 = self.out16(torch.cat((self.down8(o8), n16), 1))
        o32 = self.out32(torch.cat((self.down16(o16), n32), 1))
        results = []
        for head, features in zip(self.heads, (o8, o16, o32)):
            n, _, height, width = features.shape
            results.append(head(features).view(n, 3, self.numbers, height, width).permute(0, 1, 3, 4, 2))
        return results


class Decoded(nn.Module):
    """The detector with its boxes in pixels: [n, boxes, 5 + classes] of centre, size, objectness and classes."""

    def __init__(self, detector, size):
        super().__init__()
        self.detector = detector
        for i, (stride, anchors) in enumerate(zip(STRIDES, ANCHORS)):
            y, x = torch.meshgrid(torch.arange(size // stride), torch.arange(size // stride), indexing="ij")
            self.register_buffer(f"grid{i}", torch.stack((x, y), -1).float()[None, None] - 0.5)
            self.register_buffer(f"anchor{i}", torch.tensor(anchors).float().view(1, 3, 1, 1, 2))

    def forward(self, x):
        parts = []
        for i, (stride, result) in enumerate(zip(STRIDES, self.detector(x))):
            p = result.sigmoid()
            centre = (p[..., :2] * 2 + getattr(self, f"grid{i}")) * stride
            size = (p[..., 2:4] * 2) ** 2 * getattr(self, f"anchor{i}")
            parts.append(torch.cat((centre, size, p[..., 4:]), -1).flatten(1, 3))
        return torch.cat(parts, 1)


def giou(a, b):
    """Generalised overlap of boxes given as centre and size."""
    a1, a2, b1, b2 = a[:, :2] - a[:, 2:] / 2, a[:, :2] + a[:, 2:] / 2, b[:, :2] - b[:, 2:] / 2, b[:, :2] + b[:, 2:] / 2
    common = (torch.minimum(a2, b2) - torch.maximum(a1, b1)).clamp(min=0).prod(1)
    union = a[:, 2:].prod(1) + b[:, 2:].prod(1) - common
    hull = (torch.maximum(a2, b2) - torch.minimum(a1, b1)).prod(1)
    iou = common / (union + 1e-7)
    return iou - (hull - union) / (hull + 1e-7), iou


def losses_of(results, targets):
    """Those of boxes, objectness and classes, weighted. `targets`: [m, 6] of picture, class, and centre and size in
    pixels."""
    box_loss = objectness_loss = class_loss = torch.zeros(())
    for result, stride, anchors, weight in zip(results, STRIDES, ANCHORS, (4.0, 1.0, 0.4)):
        _, _, height, width, _ = result.shape
        anchors = torch.tensor(anchors, dtype=torch.float32)
        wanted = torch.zeros(result.shape[:4])
        ratio = targets[:, None, 4:6] / anchors[None]
        fits = torch.maximum(ratio, 1 / ratio).amax(2) < 3.0
        which, anchor = fits.nonzero(as_tuple=True)
        chosen = targets[which]
        centre = chosen[:, 2:4] / stride
        # The cell of the centre, and those beside it that are nearest to it.
        inner = centre - centre.floor()
        step = torch.where(inner < 0.5, -1.0, 1.0)
        cells, rows = [centre.floor()], [torch.arange(len(chosen))]
        for axis in (0, 1):
            moved = centre.floor().clone()
            moved[:, axis] += step[:, axis]
            inside = (moved[:, 0] >= 0) & (moved[:, 0] < width) & (moved[:, 1] >= 0) & (moved[:, 1] < height)
            cells.append(moved[inside])
            rows.append(torch.arange(len(chosen))[inside])
        rows, cells = torch.cat(rows), torch.cat(cells).long()
        if len(rows):
            chosen, anchor = chosen[rows], anchor[rows]
            picture, x, y = chosen[:, 0].long(), cells[:, 0].clamp(0, width - 1), cells[:, 1].clamp(0, height - 1)
            p = result[picture, anchor, y, x]
            place = (p[:, :2].sigmoid() * 2 - 0.5 + cells) * stride
            size = (p[:, 2:4].sigmoid() * 2) ** 2 * anchors[anchor]
            quality, iou = giou(torch.cat((place, size), 1), chosen[:, 2:6])
            box_loss = box_loss + (1 - quality).mean()
            wanted[picture, anchor, y, x] = iou.detach().clamp(0)
            label = F.one_hot(chosen[:, 1].long(), p.shape[1] - 5).float()
            class_loss = class_loss + F.binary_cross_entropy_with_logits(p[:, 5:], label)
        objectness_loss = objectness_loss + weight * F.binary_cross_entropy_with_logits(result[..., 4], wanted)
    return torch.stack((0.05 * box_loss, objectness_loss, 0.15 * class_loss))
