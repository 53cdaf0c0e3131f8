"""ONNX operators: what each adds to the chain of layers, a file for those that belong together."""
