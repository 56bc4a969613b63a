"""How a run's documents lie about the thresholds of `[cut]`, and what another threshold would do. Nothing is built."""
