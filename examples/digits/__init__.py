"""Three small networks for the handwritten digits of scikit-learn: ReLU, three-terminal and two-terminal neurons."""
