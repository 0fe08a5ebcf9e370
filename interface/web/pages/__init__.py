"""One file per page: its routes, and the HTML that the server renders for it."""
