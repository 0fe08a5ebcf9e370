"""Exports the event log to MLflow: spans by OpenTelemetry's conventions, runs and trials."""
