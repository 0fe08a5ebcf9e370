"""The state machine: state, nodes, routing (pure) and the one assembly point."""
