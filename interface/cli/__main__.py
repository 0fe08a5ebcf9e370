"""`python -m atlantis_dml.cli`, as launchers of several processes need it."""

from atlantis_dml.cli.main import run_as_program

run_as_program()
