"""The networks of the training scripts as torch modules: a residual, a depthwise and a one-dimensional one."""

from resonet.examples.training import Tensor, nn

__all__ = ["MobileNet", "ResNet", "SignalNet"]


def normalised(layer: nn.Module, channels: int, *more: nn.Module) -> nn.Sequential:
    """A convolution without bias, its batch normalisation, and what follows."""
    return nn.Sequential(layer, nn.BatchNorm2d(channels), *more)


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut: an identity, or a 1x1 convolution where the shape changes (option B)."""

    def __init__(self, taken: int, given: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *normalised(nn.Conv2d(taken, given, 3, stride, 1, bias=False), given, nn.ReLU()),
            *normalised(nn.Conv2d(given, given, 3, 1, 1, bias=False), given),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or taken != given:
            self.shortcut = normalised(nn.Conv2d(taken, given, 1, stride, bias=False), given)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[n, given, ...] of [n, taken, ...]."""
        return self.relu(self.body(x) + self.shortcut(x))


class ResNet(nn.Module):
    """ResNet of 6 blocks + 2 layers for small images (He et al., arXiv:1512.03385, 4.2); of 3 blocks: ResNet-20."""

    def __init__(self, channels: int = 1, classes: int = 10, width: int = 16, blocks: int = 3) -> None:
        super().__init__()
        self.stem = normalised(nn.Conv2d(channels, width, 3, 1, 1, bias=False), width, nn.ReLU())
        stages, taken = [], width
        for stage in range(3):
            for block in range(blocks):
                given = width << stage
                stages.append(Block(taken, given, 2 if stage and not block else 1))
                taken = given
        self.stages = nn.Sequential(*stages)
        self.dense = nn.Linear(taken, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, classes] of images [n, channels, height, width]."""
        return self.dense(self.stages(self.stem(x)).mean((2, 3)))


class MobileNet(nn.Module):
    """Depthwise 3x3 and pointwise convolutions, ReLU6 between (Howard et al., arXiv:1704.04861, table 1, smaller)."""

    def __init__(self, channels: int = 1, classes: int = 10, width: int = 16) -> None:
        super().__init__()
        layers = [*normalised(nn.Conv2d(channels, width, 3, 2, 1, bias=False), width, nn.ReLU6())]
        taken = width
        for given, stride in ((2 * width, 1), (4 * width, 2), (4 * width, 1), (8 * width, 2)):
            layers += normalised(nn.Conv2d(taken, taken, 3, stride, 1, groups=taken, bias=False), taken, nn.ReLU6())
            layers += normalised(nn.Conv2d(taken, given, 1, bias=False), given, nn.ReLU6())
            taken = given
        self.layers = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dense = nn.Linear(taken, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, classes] of images [n, channels, height, width]."""
        return self.dense(self.pool(self.layers(x)).flatten(1))


class SignalNet(nn.Module):
    """Convolutions along time over in-phase and quadrature, each with pooling, then the mean over time.

    It takes codes of an offset-binary converter / 255, and centres them.
    """

    def __init__(self, classes: int = 8, width: int = 16) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        taken = 2
        for given, kernel in ((width, 7), (2 * width, 5), (4 * width, 5), (4 * width, 3)):
            layers += [
                nn.Conv1d(taken, given, kernel, padding=kernel // 2, bias=False),
                nn.BatchNorm1d(given),
                nn.ReLU(),
                nn.MaxPool1d(2),
            ]
            taken = given
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Linear(taken, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [n, classes] of signals [n, 2, samples]."""
        return self.dense(self.layers((x - 0.5) * 4).mean(2))
