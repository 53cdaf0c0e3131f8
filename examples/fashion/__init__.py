"""ResNet-20 and a small depthwise network for Fashion-MNIST."""
