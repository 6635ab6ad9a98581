"""Scheduling without threads, processes or Prefect: ready queue, pool, outcomes, budget."""
