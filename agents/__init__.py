"""The agents: planner, insight, drafter, prompt writer, critic, host, captioner. Only they call chat models."""
