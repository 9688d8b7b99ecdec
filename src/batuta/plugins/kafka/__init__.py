"""Records of Apache Kafka."""
