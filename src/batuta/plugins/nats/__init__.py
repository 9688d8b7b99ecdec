"""Messages of NATS, with and without JetStream."""
