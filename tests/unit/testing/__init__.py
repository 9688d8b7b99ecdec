"""Test suites of flows, and what runs them."""
