"""A trained retriever as a folder for others: weights, facts, a model card and, where asked for, an ONNX graph."""
