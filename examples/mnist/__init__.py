"""The MNIST network that the demo runs."""
