"""Does the GPU work, and is it faster? `python -m experiments.benchmarks.gpu_check`.

Two workloads that the engine spends its time on: exact top-k over a catalogue (one matrix
product and a selection) and a Transformer layer stack in training. Each runs on the CPU
and, where there is one, on CUDA in float32 and bfloat16. The CPU's part is kept small.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table

WARM_UP, REPEATS = 2, 5


def seconds(work: Callable[[], object], device: str) -> float:
    """Return the median time of `work`, with all of the device's work done."""
    times = []
    for run in range(WARM_UP + REPEATS):
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        if run >= WARM_UP:
            times.append(time.perf_counter() - start)
    return sorted(times)[REPEATS // 2]


def top_k(device: str, dtype: torch.dtype) -> tuple[Callable[[], object], float]:
    """Return the work, and its floating-point operations: 256 users over 100,000 items."""
    users, items, dim = 256, 100_000, 128
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(users, dim, generator=generator).to(device, dtype)
    catalogue = torch.randn(items, dim, generator=generator).to(device, dtype)
    return lambda: (queries @ catalogue.T).topk(100), 2.0 * users * items * dim


def transformer(device: str, dtype: torch.dtype) -> tuple[Callable[[], object], float]:
    """Return one training step of two layers on 32 histories of 64 items, and its operations."""
    batch, length, dim, layers = 32, 64, 128, 2
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(dim, 4, 4 * dim, dropout=0.0, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).to(device)
    inputs = torch.randn(batch, length, dim, device=device)

    def step() -> None:
        model.zero_grad(set_to_none=True)
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            loss = model(inputs).square().mean()
        loss.backward()

    products = layers * (12 * dim * dim + 2 * length * dim)  # a token, forward
    return step, 6.0 * batch * length * products


def main() -> None:
    """Print what the devices are and how fast they do each workload."""
    console = Console()
    console.print(f"torch {torch.__version__}, {torch.get_num_threads()} CPU threads,", end=" ")
    console.print(platform.processor() or platform.machine())
    runs = [("cpu", torch.float32)]
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        console.print(
            f"CUDA {torch.version.cuda}: {properties.name}, "
            f"{properties.total_memory / 2**30:.0f} GiB, bf16 {torch.cuda.is_bf16_supported()}"
        )
        runs += [("cuda", torch.float32), ("cuda", torch.bfloat16)]
    table = Table("work", "device", "precision", "milliseconds", "GFLOP/s", "times the CPU")
    for name, make in (("top-k", top_k), ("transformer step", transformer)):
        base = 0.0
        for device, dtype in runs:
            work, operations = make(device, dtype)
            took = seconds(work, device)
            base = base or took
            precision = str(dtype).removeprefix("torch.")
            figures = f"{took * 1e3:.2f}", f"{operations / took / 1e9:,.0f}", f"{base / took:.1f}"
            table.add_row(name, device, precision, *figures)
    console.print(table)
    if len(runs) == 1:
        console.print(
            "No CUDA device: torch sees none, so only the CPU was measured and the tests marked "
            "gpu were skipped. Everything works on the CPU, training is slower."
        )


if __name__ == "__main__":
    main()
