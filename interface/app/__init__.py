"""What commands do, below the command line, the Python functions and the web app; one file per command."""
