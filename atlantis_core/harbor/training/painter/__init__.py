"""The bundled text-to-image model and its training, from words to weights."""
