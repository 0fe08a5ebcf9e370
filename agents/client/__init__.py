"""Chat models: building, calling, recording, redacting."""
