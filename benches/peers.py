#!/usr/bin/env python3
"""SingleLayerCAE here and in other frameworks, side by side in one run: one table with ratios.

    python3 -m venv peers && peers/bin/pip install torch tensorflow-cpu jax
    peers/bin/python benches/peers.py --peers FOLDER [--quick]

The folder of peers has one script a framework, with the command line of benches/peer.rs and the
same line of JSON. A framework that is not installed is left out. The order is shuffled in each of
three rounds and the median taken, so that whatever else the machine does falls on all alike.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys

CASES = [("28x28x1", 128), ("28x28x1", 1024), ("32x32x3", 128), ("32x32x3", 1024)]
# With glibc's own settings PyTorch spends half of its time in page faults.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_MMAP_THRESHOLD_": "2000000000"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", required=True, help="folder of the peers' scripts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round of few steps")
    return parser.parse_args()


def competitors(folder):
    """Name and command; the variants that are each framework's best on the CPU."""
    ours = ["cargo", "bench", "--quiet", "--bench", "peer", "--"]
    theirs = [("torch", "eager"), ("torch", "compile"), ("torch", "compile_cl"),
              ("tf", "function"), ("tf", "jit"), ("jax", "nhwc"), ("jax", "nchw")]
    script = lambda peer: os.path.join(folder, f"peer_{peer}.py")
    yield "dytb", ours
    for peer, variant in theirs:
        if os.path.exists(script(peer)):
            yield f"{peer} {variant}", [sys.executable, script(peer), "--variant", variant]


def measure(command, shape, batch, steps, infer):
    """The line of JSON, or None where the framework is not there."""
    command = command + ["--shape", shape, "--batch", str(batch), "--steps", str(steps)]
    command += ["--infer"] if infer else []
    run = subprocess.run(command, env=os.environ | MALLOC, capture_output=True, text=True)
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    if not lines:
        reason = (run.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        print(f"left out: {' '.join(command)}: {reason}", file=sys.stderr)
        return None
    return json.loads(lines[-1])


def table(mode, found):
    """found: (shape, batch) -> name -> (images/s, MB)."""
    print(f"\n{mode}\n")
    print("| images | batch | dytb, images/s | best peer | ratio | memory, MB | its memory, MB |")
    print("|---|---|---|---|---|---|---|")
    for (shape, batch), row in found.items():
        rate, memory = row.pop("dytb")
        if not row:
            continue
        best = max(row, key=lambda name: row[name][0])
        their_rate, their_memory = row[best]
        print(f"| {shape} | {batch} | {rate:,.0f} | {best} {their_rate:,.0f} "
              f"| {rate / their_rate:.1f} | {memory:,.0f} | {their_memory:,.0f} |")


def main():
    args = arguments()
    rounds = 1 if args.quick else args.rounds
    absent = set()
    for infer in (False, True):
        found = {}
        for shape, batch in CASES:
            steps = (10 if args.quick else 60) * 128 // batch + 5
            results = {}
            for _ in range(rounds):
                runs = [c for c in competitors(args.peers) if c[0] not in absent]
                random.shuffle(runs)
                for name, command in runs:
                    line = measure(command, shape, batch, steps, infer)
                    if line is None:
                        absent.add(name)
                        continue
                    print(json.dumps(line), file=sys.stderr, flush=True)
                    results.setdefault(name, []).append((line["images_per_s"], line["peak_rss_mb"]))
            found[shape, batch] = {
                name: tuple(statistics.median(column) for column in zip(*rows))
                for name, rows in results.items()
            }
        table("Evaluation" if infer else "Training", found)


main()
