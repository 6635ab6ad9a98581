"""A candidate made of the best parts of the others: grafted from measurements, or written by a worker."""
