"""Times the local language model in its runtimes: torch, and OpenVINO from two kinds of file.

    OMP_NUM_THREADS=1 python -m experiments.benchmarks.blurb_runtimes --items items.parquet

Each runs in a process of its own. Tokens are those written, by the processor's clock, the
reading of prompts included: the prompts of products with a description of 12 words and more,
four of them one by one, and 16 at once, a line each; the better of two rounds. `choices`
scores the catalogue's clauses of all products drawn, and counts those products of several
clauses whose likeliest is that of torch. Memory is the peak of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.blurb_inputs import read_items
from recsys import weights
from recsys.blurbs import FactSheet, fact_sheet
from recsys.blurbs.evaluate import draw
from recsys.blurbs.prompt import completion_prompt, scoring_prompt
from recsys.blurbs.writers.extractive import clauses

RUNTIMES = ("torch", "openvino gguf", "openvino q8_0")
ROUNDS = 2
CLAUSES = 6


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of every runtime as one JSON object."""
    parser = argparse.ArgumentParser(description="Compare runtimes of the local model.")
    parser.add_argument("--items", type=Path, required=True)
    parser.add_argument("-n", type=int, default=48, help="Products.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=36, help="Longest line.")
    parser.add_argument("--runtime", choices=RUNTIMES, help="Only this, in this process.")
    given = parser.parse_args(arguments)
    if given.runtime:
        print(json.dumps(measured(given)))
        return
    results: dict[str, Any] = {}
    for runtime in RUNTIMES:
        command = [sys.executable, "-m", "experiments.benchmarks.blurb_runtimes"]
        command += ["--items", str(given.items), "-n", str(given.n), "--seed", str(given.seed)]
        command += ["--tokens", str(given.tokens), "--runtime", runtime]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        results[runtime] = json.loads(done.stdout.splitlines()[-1])
    expected = results["torch"].pop("scores")
    results["torch"]["choices"]["several"] = sum(len(mine) > 1 for mine in expected)
    for runtime in RUNTIMES[1:]:
        scores = results[runtime].pop("scores")
        several = [(a, b) for a, b in zip(expected, scores, strict=True) if len(a) > 1]
        results[runtime]["choices"]["as_torch"] = sum(
            int(np.argmax(a)) == int(np.argmax(b)) for a, b in several
        )
        apart = [abs(x - y) for a, b in several for x, y in zip(a, b, strict=True)]
        results[runtime]["choices"]["nats_a_token_apart"] = round(float(np.mean(apart)), 3)
    print(json.dumps(results, indent=1))


def measured(given: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one runtime, with the scores of all clauses."""
    frame, roles = read_items(given.items, [])
    rows, _ = draw(frame, roles, given.n, given.seed, 12)
    sheets = [fact_sheet(row, roles) for row in rows]
    started = time.process_time()
    lm = loaded(given.runtime)
    value: dict[str, Any] = {"load_cpu_s": round(time.process_time() - started, 1)}
    lm.sample(["Product: hose\nSentence:"], 1, max_new_tokens=4)
    prompts = [completion_prompt(sheet) for sheet in sheets]
    for batch, n in ((1, 4), (16, 16)):
        value[f"tokens_per_cpu_s_batch_{batch}"] = rate(lm, prompts[:n], batch, given.tokens)
    value["choices"], value["scores"] = choices(lm, sheets)
    value["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return value


def loaded(runtime: str) -> Any:
    """Return the default model in a runtime; conversions are made before, and kept."""
    model = weights.fetch("language-model")
    if runtime == "openvino gguf":
        from recsys.blurbs.writers.openvino_lm import OpenVinoLM

        return OpenVinoLM(model)
    from recsys.blurbs.writers.causal_lm import CausalLM, prepare

    directory = prepare(model)
    if runtime == "torch":
        return CausalLM(directory, "cpu")
    from recsys.blurbs.writers.gguf_file import gguf_for
    from recsys.blurbs.writers.openvino_lm import OpenVinoLM

    return OpenVinoLM(gguf_for(directory))


def rate(lm: Any, prompts: Sequence[str], batch: int, longest: int) -> float:
    """Return the tokens written in a processor second, of the best round."""
    rates = []
    for seed in range(ROUNDS):
        before, started = lm.tokens_written, time.process_time()
        for at in range(0, len(prompts), batch):
            lm.sample(
                prompts[at : at + batch],
                1,
                max_new_tokens=longest,
                temperature=0.6,
                top_p=0.9,
                seed=seed,
            )
        rates.append((lm.tokens_written - before) / (time.process_time() - started))
    return round(max(rates), 1)


def choices(lm: Any, sheets: Sequence[FactSheet]) -> tuple[dict[str, Any], list[list[float]]]:
    """Return products scored in a processor second, and their clauses' scores."""
    options = [[d.text for d in clauses(sheet)[:CLAUSES]] for sheet in sheets]
    started = time.process_time()
    scores = lm.mean_log_probs([scoring_prompt(sheet) for sheet in sheets], options)
    took = time.process_time() - started
    return {"products_per_cpu_s": round(len(sheets) / took, 1)}, scores


if __name__ == "__main__":
    main()
