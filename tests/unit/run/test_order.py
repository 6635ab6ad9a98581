"""The order in which ready sections go out is never worse than first come, first served."""

from __future__ import annotations

import random

from ptx_prefect.run.ready import remaining_paths
from ptx_prefect.run.simulate import best_priority, lower_bound, simulate


def graph(seed: int) -> tuple[dict[str, tuple[str, ...]], dict[str, float]]:
    draw = random.Random(seed)
    after = {
        f"n{index}": tuple(f"n{item}" for item in sorted(draw.sample(range(index), min(index, draw.randint(0, 3)))))
        for index in range(40)
    }
    return after, {name: draw.paretovariate(1.3) for name in after}


def test_the_best_order_is_never_worse_than_the_longest_path_first_and_sometimes_better() -> None:
    gains = []
    for seed in range(60):
        after, seconds = graph(seed)
        plain = simulate(after, seconds, workers=3, priority=remaining_paths(after, seconds)).makespan_s
        best = simulate(after, seconds, workers=3).makespan_s
        gains.append(plain - best)

        assert lower_bound(after, seconds, workers=3) <= best + 1e-9 and best <= plain + 1e-9

    assert max(gains) > 0


def test_where_nothing_waits_the_longest_goes_first() -> None:
    order = best_priority({"a": (), "b": (), "c": ()}, {"a": 1.0, "b": 3.0, "c": 2.0}, workers=2)

    assert sorted(order, key=lambda name: -order[name]) == ["b", "c", "a"]
