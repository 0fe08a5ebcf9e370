"""The event log in the ecosystem's format: spans by OpenTelemetry's conventions, runs and trials, into MLflow."""
