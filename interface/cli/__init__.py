"""The command line: one file per command, with the name of the command."""
