"""Handing a trained retriever on: weights, their description, a model card, and ONNX."""
