"""Servings: how a trained model's embeddings are searched, without training it again."""
