"""Image generation: from a protocol to requests, and from requests to files."""
