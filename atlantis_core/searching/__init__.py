"""Image search: a collection's embeddings in a Chroma index, asked by picture, by vector or by text."""
