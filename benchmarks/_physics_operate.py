"""Operating points of the MNIST network: what `resonet operate` finds by itself, and the closed forms behind it."""

from _networks_data import mnist_design  # noqa: F401
