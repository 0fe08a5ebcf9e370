"""The agents: planner, insight, drafter, prompt writer, critic, host, captioner. Only this package calls chat models."""
