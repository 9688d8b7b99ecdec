"""Messages of AMQP brokers such as RabbitMQ."""
