"""Search for a better recipe: Optuna suggests, validation decides, MLflow keeps every trial.

`space` reads what is to be tried, `validation` cuts what decides, `study` remembers every
trial through any kill, `trial` trains and measures one, `run` puts them together, `command`
shows the result.
"""
