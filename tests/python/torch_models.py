"""Models of PyTorch with random weights, and inputs for them."""
import importlib.util

import torch
from torch import nn


def resnet18():
    from torchvision.models import resnet18 as make
    torch.manual_seed(0)
    return make(weights=None).eval(), (torch.randn(1, 3, 224, 224),)


def vit():
    from torchvision.models.vision_transformer import VisionTransformer
    torch.manual_seed(0)
    model = VisionTransformer(image_size=224, patch_size=16, num_layers=12, num_heads=3, hidden_dim=192, mlp_dim=768)
    nn.init.normal_(model.heads[0].weight, std=0.02)
    return model.eval(), (torch.randn(1, 3, 224, 224),)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        parts = self.qkv(self.norm1(x)).reshape(batch, length, 3, self.heads, width // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        attended = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class Decoder(nn.Module):
    """A small language model: tokens in, the next token's scores out."""

    def __init__(self, vocabulary=1000, width=256, heads=4, layers=4, longest=256):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(longest, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm, self.scores = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.places(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.scores(self.norm(x))


def decoder():
    torch.manual_seed(0)
    return Decoder().eval(), (torch.randint(0, 1000, (1, 128)),)


MODELS = {"resnet18": resnet18, "vit": vit, "decoder": decoder}


def why_not(name: str) -> str:
    needs_vision = name in ("resnet18", "vit")
    return "torchvision is not installed" if needs_vision and importlib.util.find_spec("torchvision") is None else ""
