#!/usr/bin/env python3
"""How fast models train here and in other frameworks, side by side in one run: the tables of docs/speed.md.

    python3 -m venv peers && peers/bin/pip install torch
    peers/bin/python benches/peers.py [--models LeNet,VGG] [--batches 32,128] [--rounds 5]
    peers/bin/python benches/peers.py --peers FOLDER [--infer]

The first puts every model that benches/torch_models.py has beside PyTorch's best (eager with the channels first or
last, and, with --compile, torch.compile). The second puts SingleLayerCAE beside the frameworks whose scripts are in
FOLDER: one script each, with the command line of benches/peer.rs and the same line of JSON; one that is not installed
is left out. In each round all take their turn, in another order; a table has the medians of the rates, and the median
and the range of the rounds' ratios to the best of the others, so that whatever else the machine does falls on all
alike.
"""

import argparse
import datetime
import json
import os
import platform
import random
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SMALL = "28x28x1"
SHAPES = {"LeNet": SMALL, "LeNetBN": SMALL, "LeNetDropout": SMALL, "SingleLayerCAE": SMALL, "StackedCAE": SMALL,
          "SingleLayerCAEClassifier": SMALL, "StackedDenoisingCAE": SMALL, "ConvAE": SMALL, "VAE": SMALL, "MLP": SMALL,
          "BetaVAE": SMALL, "VQVAE": SMALL, "LeNetCAE": SMALL,
          "VGG": "32x32x3", "VGGBN": "32x32x3", "ResNet20": "32x32x3", "WideResNet16_4": "32x32x3",
          "ConvMixer": "32x32x3", "MobileNetV2": "32x32x3"}
# All that another processor would not have, for each of the libraries below PyTorch, TensorFlow and JAX.
WITHOUT_AVX512 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
                  "XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}
# With glibc's own settings PyTorch spends half of its time in page faults.
MALLOC = {"MALLOC_TRIM_THRESHOLD_": "2000000000", "MALLOC_MMAP_THRESHOLD_": "2000000000"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", help="folder of other frameworks' scripts: SingleLayerCAE beside them")
    parser.add_argument("--models", default=",".join(SHAPES), help="default: all that have a twin")
    parser.add_argument("--shapes", default="", help="HxWxC,... in place of each model's usual one")
    parser.add_argument("--batches", default="128")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each of a measurement's three repeats")
    parser.add_argument("--compile", action="store_true", help="torch.compile, too")
    parser.add_argument("--infer", action="store_true", help="evaluation, with --peers")
    parser.add_argument("--program", help="benches/peer.rs, built; default: cargo bench builds and runs it")
    parser.add_argument("--avx2", action="store_true", help="as on a processor without AVX-512")
    parser.add_argument("--json", help="write every measurement to this file")
    return parser.parse_args()


def machine(avx2):
    """One line: processor, the vector instructions that are used, cores, date, commit."""
    text = open("/proc/cpuinfo").read() if os.path.exists("/proc/cpuinfo") else ""
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in lines.items()}
    flags = fields.get("flags", "").split()
    units = [name for flag, name in [("avx512f", "AVX-512"), ("avx2", "AVX2")] if flag in flags][avx2:avx2 + 1]
    name = fields.get("model name", platform.processor() or platform.machine())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True)
    return f"{name} {' '.join(units)}, {cores} cores, {datetime.date.today()}, {commit.stdout.strip() or 'no commit'}"


def ours(args):
    program = [args.program] if args.program else ["cargo", "bench", "--quiet", "--bench", "peer", "--"]
    return program + ["--simd", "Avx2"] * args.avx2


def beside_torch(args):
    """Cases (title, runners): each runner a name and a command without --steps."""
    variants = ["first", "last"] + ["compile"] * args.compile
    for model in args.models.split(","):
        if model not in SHAPES:
            sys.exit(f"error: no twin of {model} in benches/torch_models.py\n  there are {', '.join(SHAPES)}")
        for shape in args.shapes.split(",") if args.shapes else [SHAPES[model]]:
            for batch in args.batches.split(","):
                flags = ["--model", model, "--shape", shape, "--batch", batch]
                script = [sys.executable, os.path.join(HERE, "torch_models.py"), *flags]
                runners = {"dytb": ours(args) + flags}
                runners |= {f"torch {name}": [*script, "--variant", name] for name in variants}
                yield (model, shape, int(batch)), runners


def beside_others(args):
    """As `beside_torch`, for SingleLayerCAE and the scripts of a folder, in the variants that are best on the CPU."""
    theirs = [("torch", "eager"), ("torch", "compile"), ("torch", "compile_cl"), ("tf", "function"), ("tf", "jit"),
              ("jax", "nhwc"), ("jax", "nchw")]
    for shape in args.shapes.split(",") if args.shapes else [SMALL, "32x32x3"]:
        for batch in args.batches.split(","):
            flags = ["--shape", shape, "--batch", batch] + ["--infer"] * args.infer
            runners = {"dytb": ours(args) + flags}
            for peer, variant in theirs:
                script = os.path.join(args.peers, f"peer_{peer}.py")
                if os.path.exists(script):
                    runners[f"{peer} {variant}"] = [sys.executable, script, "--variant", variant, *flags]
            yield ("SingleLayerCAE", shape, int(batch)), runners


def measure(command, steps):
    """The line of JSON, or None where it cannot be had."""
    command = [*command, "--steps", str(steps)]
    run = subprocess.run(command, env=os.environ | MALLOC, capture_output=True, text=True)
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    if run.returncode == 0 and lines:
        return json.loads(lines[-1])
    reason = (run.stderr.strip().splitlines() or ["it printed nothing"])[-1]
    print(f"left out: {' '.join(command)}: {reason}", file=sys.stderr)
    return None


def rounds(args, batch, runners):
    """For each runner its measurements, one a round; the steps of each take about as long."""
    tried = {name: measure(command, 1) for name, command in runners.items()}
    steps = {name: max(1, round(args.seconds * line["images_per_s"] / batch)) for name, line in tried.items() if line}
    counts = {line["parameters"] for line in tried.values() if line and "parameters" in line}
    if len(counts) > 1:
        sys.exit(f"error: the twins have different numbers of parameters: {sorted(counts)}")
    found = {name: [] for name in steps}
    for _ in range(args.rounds):
        for name in random.sample(list(found), len(found)):
            if line := measure(runners[name], steps[name]):
                found[name].append(line)
    return {name: lines for name, lines in found.items() if len(lines) == args.rounds}


def row(case, found):
    """A row of the table, or None where there is nothing to compare."""
    rates = {name: [line["images_per_s"] for line in lines] for name, lines in found.items()}
    mine = rates.pop("dytb", None)
    if not mine or not rates:
        return None
    best = max(rates, key=lambda name: statistics.median(rates[name]))
    ratios = [rate / max(other[number] for other in rates.values()) for number, rate in enumerate(mine)]
    memory = [max((line.get("peak_rss_mb") or 0 for line in found[name]), default=0) for name in ("dytb", best)]
    memory = " / ".join(f"{megabytes:,.0f}" if megabytes else "?" for megabytes in memory)
    model, shape, batch = case
    return (f"| {model} | {shape} | {batch} | {statistics.median(mine):,.0f} | {best} "
            f"{statistics.median(rates[best]):,.0f} | {statistics.median(ratios):.2f} ({min(ratios):.2f} to "
            f"{max(ratios):.2f}) | {memory} |")


def main():
    args = arguments()
    if args.avx2:
        os.environ.update(WITHOUT_AVX512)
    cases = list(beside_others(args) if args.peers else beside_torch(args))
    print(f"{'Evaluation' if args.infer else 'Training'}, images a second; {machine(args.avx2)}; {args.rounds} rounds\n")
    print("| model | images | batch | dytb | best other | ratio: median (range) | memory, MB |")
    print("|---|---|---|---|---|---|---|", flush=True)
    measured = []
    for case, runners in cases:
        found = rounds(args, case[2], runners)
        measured.append({"case": case, "found": found})
        print(row(case, found) or f"| {' | '.join(map(str, case))} | nothing to compare | | | |", flush=True)
        if args.json:
            with open(args.json, "w") as file:
                json.dump(measured, file, indent=1)


if __name__ == "__main__":
    main()
