"""Readers: from public data sets and a shop's own files to dataset directories.

`READERS` maps the name that a command takes to its reader; each is called with the place
of the source and the directory to write. `import_files` reads any files,
`import_sql` any queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from recsys.datasets.amazon_reviews import import_amazon_reviews
from recsys.datasets.complete_journey import import_complete_journey
from recsys.datasets.files import import_files
from recsys.datasets.gowalla import import_gowalla
from recsys.datasets.movielens import import_movielens
from recsys.datasets.online_retail import import_online_retail
from recsys.datasets.sql import import_sql
from recsys.schema import DatasetInfo

Reader = Callable[..., DatasetInfo]
"""Called with the source, the directory to write, and the reader's own keywords."""

READERS: Mapping[str, Reader] = {
    "amazon-reviews": import_amazon_reviews,
    "complete-journey": import_complete_journey,
    "gowalla": import_gowalla,
    "movielens": import_movielens,
    "online-retail": import_online_retail,
}

__all__ = [
    "READERS",
    "Reader",
    "import_amazon_reviews",
    "import_complete_journey",
    "import_files",
    "import_gowalla",
    "import_movielens",
    "import_online_retail",
    "import_sql",
]
