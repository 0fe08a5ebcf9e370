"""What pages show of a run, as data: its candidates, and what lies near them."""
