"""The models of models/ in PyTorch: the same layers, sizes and losses, for benches/peers.py and benches/gpu.py.

    python3 torch_models.py --model LeNet --shape 28x28x1 --batch 128 --steps 20 --variant first

prints one line of JSON, as benches/peer.rs does. Inside the clock: a batch gathered from resident bytes, scaled to
[-1, 1], forward, backward, Adam (fused). Variants: `first` and `last` (the layout of the channels), `compile`
(torch.compile with the channels last).
"""

import argparse
import json
import os
import resource
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

CLASSES = 10
IMAGES = 4096
VGG = [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"]


def mse(output, images):
    return F.mse_loss(output, images) / 2


class Encode(nn.Sequential):
    """Two zeros on every side and a 3x3 convolution."""

    def __init__(self, channels, maps, activation):
        super().__init__(nn.Conv2d(channels, maps, 3, padding=2), activation)


class Autoencoder(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def loss(self, images, _):
        return mse(self.layers(images), images)


class Classifier(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def loss(self, images, labels):
        return F.cross_entropy(self.layers(images), labels)


class Stacked(nn.Module):
    """Nine autoencoders, each trained on what the one before makes (denoising: each on the clean images)."""

    def __init__(self, channels, denoise):
        super().__init__()
        self.denoise = denoise
        activation = nn.ReLU if denoise else nn.Tanh
        self.parts = nn.ModuleList(
            nn.Sequential(Encode(channels, 9, activation()), nn.Dropout(0.5), nn.Conv2d(9, channels, 3), nn.Tanh())
            for _ in range(9))

    def loss(self, images, _):
        noise = torch.rand_like(images) - 0.5 if self.denoise else 0
        x, losses = torch.clamp(images + noise, -1, 1) if self.denoise else images, 0
        for number, part in enumerate(self.parts):
            output = part(x)
            if self.denoise and number + 1 < len(self.parts):
                output = F.dropout(output, 0.5)
            losses = losses + mse(output, images if self.denoise else x)
            x = output.detach()
        return losses


def halvings(channels):
    return [nn.Conv2d(channels, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU()]


def doublings(channels):
    return [nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, channels, 4, 2, 1), nn.Tanh()]


class WithCode(nn.Module):
    """ConvAE and, with a weight of the KL divergence, VAE and BetaVAE: a code between 4x4 convolutions of stride 2."""

    def __init__(self, channels, side, beta=None):
        super().__init__()
        self.beta, code, small = beta, 32, side // 4
        neurons = 64 * small * small
        self.down = nn.Sequential(*halvings(channels), nn.Flatten())
        self.code = nn.Linear(neurons, code if beta is None else 2 * code)
        self.up = nn.Sequential(nn.Linear(code, neurons), nn.ReLU(), nn.Unflatten(1, (64, small, small)),
                                *doublings(channels))

    def loss(self, images, _):
        code = self.code(self.down(images))
        if self.beta is None:
            return mse(self.up(code), images)
        mean, log_variance = code.chunk(2, 1)
        sample = mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
        kl = -0.5 * (1 + log_variance - mean ** 2 - log_variance.exp()).sum(1).mean()
        return mse(self.up(sample), images) + self.beta * kl / images[0].numel()


class Quantised(nn.Module):
    """VQVAE: of each pixel of the encoder's maps the nearest of 128 vectors of 16 numbers."""

    def __init__(self, channels, code=16, codes=128, commitment=0.25):
        super().__init__()
        self.commitment = commitment
        self.down = nn.Sequential(*halvings(channels), nn.Conv2d(64, code, 1))
        self.codebook = nn.Parameter((torch.rand(codes, code) * 2 - 1) / codes)
        self.up = nn.Sequential(nn.Conv2d(code, 64, 1), nn.ReLU(), *doublings(channels))

    def loss(self, images, _):
        z = self.down(images).permute(0, 2, 3, 1)
        flat = z.flatten(0, 2)
        with torch.no_grad():
            distances = self.codebook.square().sum(1) - 2 * flat @ self.codebook.T
        vectors = self.codebook[distances.argmin(1)].view_as(z)
        straight_through = (z + (vectors - z).detach()).permute(0, 3, 1, 2)
        moved, commitment = F.mse_loss(vectors, z.detach()), F.mse_loss(z, vectors.detach())
        return mse(self.up(straight_through), images) + moved + self.commitment * commitment


def with_norm(channels, to, kernel, stride=1, groups=1, relu=nn.ReLU):
    conv = nn.Conv2d(channels, to, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(to), *([relu()] if relu else []))


class ResidualBlock(nn.Module):
    """Two convolutions beside the identity; with `before`, normalisation and ReLU come before each (Wide ResNet)."""

    def __init__(self, channels, to, stride, before=False):
        super().__init__()
        self.before, self.stride, self.extra = before, stride, to - channels
        if before:
            self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(to)
            self.conv1 = nn.Conv2d(channels, to, 3, stride, 1, bias=False)
            self.conv2 = nn.Conv2d(to, to, 3, 1, 1, bias=False)
            self.short = nn.Conv2d(channels, to, 1, stride, bias=False) if self.extra else None
        else:
            self.both = nn.Sequential(with_norm(channels, to, 3, stride), with_norm(to, to, 3, relu=None))

    def forward(self, x):
        if self.before:
            active = F.relu(self.norm1(x))
            inner = self.conv2(F.relu(self.norm2(self.conv1(active))))
            return inner + (self.short(active) if self.short else x)
        short = x
        if self.extra:
            short = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, self.extra))
        return F.relu(self.both(x) + short)


def resnet(channels, blocks, maps=(16, 32, 64), before=False):
    layers, to = [], 16
    layers += [nn.Conv2d(channels, 16, 3, 1, 1, bias=False)] if before else [with_norm(channels, 16, 3)]
    for stage, width in enumerate(maps):
        for block in range(blocks):
            layers.append(ResidualBlock(to, width, 2 if stage and not block else 1, before))
            to = width
    tail = [nn.BatchNorm2d(to), nn.ReLU()] if before else []
    return Classifier(*layers, *tail, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(to, CLASSES))


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


def conv_mixer(channels, width=256, depth=8, kernel=5, patch=2):
    def active(*layers):
        return nn.Sequential(*layers, nn.GELU(), nn.BatchNorm2d(width))

    blocks = [nn.Sequential(Residual(active(nn.Conv2d(width, width, kernel, padding="same", groups=width))),
                            active(nn.Conv2d(width, width, 1))) for _ in range(depth)]
    return Classifier(active(nn.Conv2d(channels, width, patch, patch)), *blocks, nn.AdaptiveAvgPool2d(1),
                      nn.Flatten(), nn.Linear(width, CLASSES))


def mobilenet_v2(channels):
    def block(to, out, expand, stride):
        wide = to * expand
        layers = [with_norm(to, wide, 1, relu=nn.ReLU6)] if expand > 1 else []
        layers += [with_norm(wide, wide, 3, stride, wide, nn.ReLU6), with_norm(wide, out, 1, relu=None)]
        return Residual(*layers) if stride == 1 and to == out else nn.Sequential(*layers)

    layers, to = [with_norm(channels, 32, 3, relu=nn.ReLU6)], 32
    for expand, out, count, stride in [(1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                       (6, 160, 3, 2), (6, 320, 1, 1)]:
        for number in range(count):
            layers.append(block(to, out, expand, stride if number == 0 else 1))
            to = out
    return Classifier(*layers, with_norm(to, 1280, 1, relu=nn.ReLU6), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                      nn.Linear(1280, CLASSES))


def of_dtb(name, channels, side):
    """LeNet and VGG and their variants with batch normalisation or dropout."""
    is_lenet, norm, drop = name.startswith("LeNet"), name.endswith("BN"), name.endswith("Dropout")
    layers, height = [], side

    def block(layer, normalise, keep):
        layers.extend([layer] + ([normalise] if norm else []) + [nn.ReLU()] + ([nn.Dropout(1 - keep)] if drop else []))

    maps, kernel, hidden = ([32, "M", 64, "M"], 5, 1024) if is_lenet else (VGG, 3, 512)
    for to in maps:
        if to == "M":
            layers.append(nn.MaxPool2d(2))
            height //= 2
            continue
        block(nn.Conv2d(channels, to, kernel, padding="same"), nn.BatchNorm2d(to), 0.6 if layers else 0.7)
        channels = to
    layers.append(nn.Flatten())
    block(nn.Linear(channels * height * height, hidden), nn.BatchNorm1d(hidden), 0.5)
    return Classifier(*layers, nn.Linear(hidden, CLASSES))


def model(name, channels, side):
    """The twin of `name`, or None where there is none."""
    if name in [base + kind for base in ("LeNet", "VGG") for kind in ("", "BN", "Dropout")]:
        return of_dtb(name, channels, side)
    pixels = channels * side * side
    twins = {
        "SingleLayerCAE": lambda: Autoencoder(Encode(channels, 32, nn.Tanh()), nn.Conv2d(32, channels, 3), nn.Tanh()),
        "SingleLayerCAEClassifier": lambda: Classifier(
            Encode(channels, 32, nn.Tanh()), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(32 * (side // 2 + 1) ** 2, CLASSES)),
        "StackedCAE": lambda: Stacked(channels, False),
        "StackedDenoisingCAE": lambda: Stacked(channels, True),
        "ConvAE": lambda: WithCode(channels, side),
        "VAE": lambda: WithCode(channels, side, 1),
        "BetaVAE": lambda: WithCode(channels, side, 4),
        "VQVAE": lambda: Quantised(channels),
        "LeNetCAE": lambda: Autoencoder(
            nn.Conv2d(channels, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, padding=2),
            nn.ReLU(), nn.MaxPool2d(2), nn.ConvTranspose2d(64, 32, 5, 2, 2, 1), nn.ReLU(),
            nn.ConvTranspose2d(32, channels, 5, 2, 2, 1), nn.Tanh()),
        "MLP": lambda: Classifier(nn.Flatten(), nn.Linear(pixels, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(),
                                  nn.Linear(512, CLASSES)),
        "ResNet20": lambda: resnet(channels, 3),
        "ResNet32": lambda: resnet(channels, 5),
        "ResNet56": lambda: resnet(channels, 9),
        "WideResNet16_4": lambda: resnet(channels, 2, (64, 128, 256), before=True),
        "ConvMixer": lambda: conv_mixer(channels),
        "MobileNetV2": lambda: mobilenet_v2(channels),
    }
    return twins[name]() if name in twins else None


def parameters(net):
    return sum(parameter.numel() for parameter in net.parameters())


def rates(args):
    """Images a second of each of three repeats."""
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    height, _, channels = (int(size) for size in args.shape.split("x"))
    order = torch.contiguous_format if args.variant == "first" else torch.channels_last
    torch.manual_seed(1)
    net = model(args.model, channels, height).to(memory_format=order)
    pixels = torch.randint(0, 256, (IMAGES, channels, height, height), dtype=torch.uint8)
    pixels = pixels.contiguous(memory_format=order)
    labels = torch.arange(IMAGES) % CLASSES
    adam = torch.optim.Adam(net.parameters(), lr=1e-5, fused=True)
    loss_of = torch.compile(net.loss) if args.variant == "compile" else net.loss

    def step():
        index = torch.randint(0, IMAGES, (args.batch,))
        images = pixels[index].to(torch.float32).div_(127.5).sub_(1.0).contiguous(memory_format=order)
        adam.zero_grad(set_to_none=True)
        loss_of(images, labels[index]).backward()
        adam.step()

    for _ in range(3):
        step()
    found = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(args.steps):
            step()
        found.append(args.batch * args.steps / (time.perf_counter() - start))
    return found, parameters(net)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--shape", default="28x28x1")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--variant", choices=["first", "last", "compile"], default="first")
    args = parser.parse_args()
    found, count = rates(args)
    print(json.dumps({"peer": "torch", "version": torch.__version__, "variant": args.variant, "model": args.model,
                      "parameters": count, "images_per_s": round(statistics.median(found), 1),
                      "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)}))


if __name__ == "__main__":
    main()
