"""The web app: pages for people on loopback, and what they ask the server for."""
