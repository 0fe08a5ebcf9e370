"""Whoever decides and drafts: the planner, the protocol drafter, the prompt writer. Chat models live here only."""
