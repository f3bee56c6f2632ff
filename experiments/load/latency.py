"""What one person waits for: the next list after a click, and the first answer of all."""

from __future__ import annotations

import statistics
import time

import numpy as np

from experiments.load.bundles import bundle
from experiments.load.figures import Figure, Report
from experiments.load.options import UNLIMITED, Options
from experiments.load.service import running
from experiments.load.throughput import known_users
from recsys.client import Event

CLICKS = 50


def click(options: Options) -> Report:
    """Send a click, then ask for the next list; repeat with the next shopper."""
    source = bundle("hybrid_100k")
    users = known_users(source)[: CLICKS + 5]
    spent, changed, withdrawn_shown = [], 0, 0
    with (
        running(source, options.folder / "click", environment=UNLIMITED, core=None) as service,
        service.client() as client,
    ):
        for i, user in enumerate(users):
            before = client.recommend(user)
            clicked = before.items[0].item_id
            began = time.perf_counter()
            client.send_events([Event("view", clicked, user_id=user)])
            after = client.recommend(user)
            if i >= 5:  # the first ones warm it up
                spent.append((time.perf_counter() - began) * 1000)
                changed += after.item_ids != before.item_ids
        for user in users[:10]:
            gone = client.recommend(user).items[0].item_id
            client.withdraw_items([gone])
            withdrawn_shown += gone in client.recommend(user).item_ids
    figures = (
        Figure("click to next list, p50", float(np.percentile(spent, 50)), "ms", "at most", 100),
        Figure("click to next list, p99", float(np.percentile(spent, 99)), "ms", "at most", 100),
        Figure("lists that changed", changed / len(spent) * 100, "%", "exactly", 100),
        Figure("withdrawn items shown afterwards", withdrawn_shown, "", "exactly", 0),
    )
    return Report("click", "a click changes the next list (hybrid, 100k items)", figures)


def start(options: Options) -> Report:
    """Start the service on 100,000 items and ask until it answers."""
    source = bundle("hybrid_100k")
    user = known_users(source)[0]
    times, rss = [], 0.0
    for i in range(3):
        with running(source, options.folder / f"start{i}", core=None) as service:
            with service.client() as client:
                client.recommend(user)
            times.append(time.perf_counter() - service.began)
            rss = service.rss_mib()
    figures = (
        Figure("start to first answer, median of 3", statistics.median(times), "s", "at most", 10),
        Figure("resident memory then", rss, "MiB"),
    )
    return Report("start", "from nothing to the first answer, 100k items", figures)
