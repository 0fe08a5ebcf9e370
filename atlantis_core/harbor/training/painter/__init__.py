"""The bundled text-to-image model and its training."""
