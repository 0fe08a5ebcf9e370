"""The paper's loop, one step a file: session, rounds, trials, judging, report figures."""
