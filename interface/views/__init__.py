"""What pages and commands show, as data."""
