"""Everything that knows Prefect: flows' bodies, tasks, dispatch, cache, artifacts, storage, reviews."""
