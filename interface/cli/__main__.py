"""`python -m atlantis_dml.cli`, for launchers of several processes."""

from atlantis_dml.cli.main import run_as_program

run_as_program()
