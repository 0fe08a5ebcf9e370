"""The report of a run, as HTML and Markdown."""
