"""How one section gets done: the protocol, the kinds of workers, and the processes that they start."""
