"""Making images: from a protocol to requests, from requests to files."""
