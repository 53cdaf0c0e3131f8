"""ResNet-20 for CIFAR-10, for users who have the data."""
