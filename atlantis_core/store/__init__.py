"""The workspace: a folder with a database, for everything that outlives a process."""
