"""The commands as functions, one file each: a function returns what its command prints with `--json`."""
