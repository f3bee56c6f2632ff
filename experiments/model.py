"""The pyfunc model: MLflow stores this file and the bundle, and pickles nothing.

MLflow runs this file as a script when it loads a model; it needs `recsys` and nothing
else of this project.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

COLUMNS = ["user_id", "item_id", "rank", "score", "source"]


class RecommenderModel(PythonModel):  # type: ignore[misc,unused-ignore]
    """Answers a frame of `user_id` with `k` rows a user: item, rank, score, source."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the bundle; its files are checked against their SHA-256."""
        from recsys import Recommender

        self.recommender = Recommender.load(context.artifacts["bundle"])

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Recommend for every user; `params` are `k` and `repeats`."""
        options: dict[str, Any] = {"k": 10, "repeats": "exclude", **(params or {})}
        users = model_input["user_id"].astype(str).tolist()
        frame = self.recommender.recommend_frame(
            users, int(options["k"]), repeats=options["repeats"]
        )
        return pd.DataFrame({c: frame[c].to_list() for c in COLUMNS})


set_model(RecommenderModel())
