"""Export for others: a retriever (weights, facts, model card, ONNX) or a run's kept images (with a data card)."""
