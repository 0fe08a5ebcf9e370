"""How the bundled models are trained; imported by nothing else."""
