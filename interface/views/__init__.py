"""Runs, figures, search results and traces as the terminal prints them; pages also read the trace here."""
