"""From a task to its plan: sections, edges with their reasons, waves, critical path, forecasts."""
