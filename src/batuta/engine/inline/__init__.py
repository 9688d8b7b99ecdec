"""Tasks that change the execution itself; the engine runs them (flow spec §7)."""
