"""What an operator sees: JSON logs, Prometheus metrics, a request id on everything."""
