"""Learning: trunks, embedding heads, losses, batches, cached activations, trainings and the retriever they leave."""
