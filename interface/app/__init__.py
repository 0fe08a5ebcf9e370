"""What command line, API and web app share: a command each, put together from the core."""
