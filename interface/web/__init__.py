"""The web application: what is served over HTTP."""
