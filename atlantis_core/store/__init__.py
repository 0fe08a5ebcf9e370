"""Everything that outlives a process: one workspace folder with its database."""
