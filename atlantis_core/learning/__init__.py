"""Learning: backbones, embedding heads, losses, batches, cached activations, training and the trained retriever."""
