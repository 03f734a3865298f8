#!/usr/bin/env python3
"""An hour with a GPU, in minutes: what `benches/gpu.sh bundle` has packed, run on a machine that has one.

    python3 benches/gpu.py BUNDLE --out results.json [--device cuda:0] [--only tests,speed] [--quick] [--rounds 3]

Every part has a time limit of its own, and the JSON is written after each, so that what is cut off has lost nothing:

- `machine`: the card, its driver, PyTorch's version
- `tests`: every model and our kernels on the GPU against the CPU (tests/it/devices.rs, gpu_kernels.rs)
- `speed`: images a second in training, here and in PyTorch, whose network has the same layers, batches gathered from
  resident bytes, optimizer (Adam, fused) and clock: eager, with channels last, compiled, and compiled with CUDA graphs
- `profile`: kernels, launches and idle time of a step, by Nsight Compute (`ncu`)
- `equal`: whether two runs of the same command end in the same bits, and a run that was paused and resumed
- `article`: the article's runs, 150 epochs of MNIST with Adam 1e-5 and batch 1024, two of them with an L2 penalty
"""

import argparse
import csv
import glob
import hashlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

CASES = [("SingleLayerCAE", "28x28x1", 128, 300), ("SingleLayerCAE", "28x28x1", 1024, 150),
         ("LeNet", "28x28x1", 128, 200), ("LeNet", "28x28x1", 1024, 60), ("VGG", "32x32x3", 128, 60)]
VARIANTS = ["eager", "channels_last", "compile", "compile_graphs"]
IMAGES, CLASSES = 16_384, 10
WARM_UP, REPEATS = 6, 3
PARTS = ["machine", "tests", "speed", "profile", "equal", "article"]


class Bundle:
    """The folder that benches/gpu.sh has packed: programs with the C library that they were linked against."""

    def __init__(self, folder, device, dataset):
        self.folder, self.device, self.dataset = os.path.abspath(folder), device, dataset
        libraries = [os.path.join(self.folder, "lib")] + driver_folders()
        self.loader = [os.path.join(self.folder, "lib", "ld-linux-x86-64.so.2"),
                       "--library-path", ":".join(libraries)]
        self.environment = os.environ | {"CUDA_PATH": os.path.join(self.folder, "cuda")}

    def command(self, program, *arguments):
        return self.loader + [os.path.join(self.folder, "bin", program), *arguments]

    def run(self, command, limit, **extra):
        """Its exit code, output and seconds; 124 where it ran past the limit."""
        start = time.perf_counter()
        try:
            done = subprocess.run(command, env=self.environment | extra, capture_output=True, text=True, timeout=limit)
            code, out, err = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as cut:
            text = lambda part: (part or b"").decode(errors="replace")
            code, out, err = 124, text(cut.stdout), text(cut.stderr)
        return {"code": code, "out": out, "err": err, "seconds": round(time.perf_counter() - start, 2)}

    def train(self, log, *arguments, limit):
        data = ["--data_dir", os.path.join(self.folder, "mnist")] if self.dataset == "MNIST" else []
        command = self.command("dytb", "train", "--dataset", self.dataset, *data, "--log_dir", log, "--results_dir", log,
                               "--device", self.device, "--optimizer", "AdamOptimizer", "--json", *arguments)
        return self.run(command, limit)


def driver_folders():
    """Where the driver's libraries are, which the bundle's own loader may not know."""
    known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout
    found = re.findall(r"=> (\S+)/libcuda\.so\.1", known)
    return sorted(set(found + [os.path.dirname(path) for path in glob.glob("/usr/local/nvidia/lib*/libcuda.so.1")]))


def tail(text, lines=15):
    return "\n".join(text.strip().splitlines()[-lines:])


def machine(bundle, _):
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    card = subprocess.run(query, capture_output=True, text=True).stdout.strip() if shutil.which(query[0]) else "none"
    version = bundle.run(bundle.command("dytb", "--version"), 20)
    torch = subprocess.run([sys.executable, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True)
    return {"card": card, "cpus": os.cpu_count(), "torch": torch.stdout.strip() or "none",
            "version": version["out"].strip(), "driver_folders": driver_folders()}


def tests(bundle, args):
    # The kernels on the tensor cores, too; the tolerance of whole models is that of products in 32 bits.
    return {"exact": test(bundle, args, ["devices::", "gpu_kernels::"], NVIDIA_TF32_OVERRIDE="0"),
            "rounded": test(bundle, args, ["gpu_kernels::"])}


def test(bundle, args, names, **environment):
    command = bundle.command("it", *names, "--test-threads", "2")
    done = bundle.run(command, args.limit, DYTB_DEVICES=bundle.device, **environment)
    results = dict(re.findall(r"^test (\S+) \.\.\. (\w+)", done["out"], re.MULTILINE))
    return {"code": done["code"], "seconds": done["seconds"], "results": results,
            "said": "" if done["code"] == 0 else tail(done["out"] + done["err"], 40)}


def ours(bundle, case, steps, limit):
    model, shape, batch = case
    done = bundle.run(bundle.command("peer", "--device", bundle.device, "--model", model, "--shape", shape,
                                     "--batch", str(batch), "--steps", str(steps)), limit)
    lines = [line for line in done["out"].splitlines() if line.startswith("{")]
    if not lines:
        return {"failed": tail(done["out"] + done["err"]), "code": done["code"], "seconds": done["seconds"]}
    return json.loads(lines[-1]) | {"seconds": done["seconds"]}


def speed(bundle, args):
    rows = []
    for model, shape, batch, steps in CASES:
        if args.cases and model not in args.cases.split(","):
            continue
        steps = max(2, steps // 20) if args.quick else steps
        row = {"model": model, "shape": shape, "batch": batch, "ours": [], "torch": {}}
        for _ in range(args.rounds):
            row["ours"].append(ours(bundle, (model, shape, batch), steps, args.limit))
            variants = "" if args.no_torch else args.variants
            command = [sys.executable, os.path.abspath(__file__), bundle.folder, "--torch", model, shape, str(batch),
                       str(steps), variants, "--device", bundle.device]
            done = bundle.run(command, args.limit) if variants else {"out": "", "err": ""}
            lines = [json.loads(line) for line in done["out"].splitlines() if line.startswith("{")]
            for line in lines or [{"variant": variants, "failed": tail(done["err"], 3)}]:
                row["torch"].setdefault(line.pop("variant"), []).append(line)
        rows.append(row)
        print(summary(row), file=sys.stderr, flush=True)
    return rows


def summary(row):
    """One line of a table."""
    rate = lambda runs: statistics.median([run["images_per_s"] for run in runs if "images_per_s" in run] or [0])
    torch = {variant: rate(runs) for variant, runs in row["torch"].items()}
    best = max(torch, key=torch.get, default=None)
    mine, theirs = rate(row["ours"]), torch.get(best, 0)
    ratio = f"{mine / theirs:.2f}" if theirs else "-"
    return (f"| {row['model']} | {row['shape']} | {row['batch']} | {mine:,.0f} | {best} {theirs:,.0f} | {ratio} | "
            + ", ".join(f"{variant} {value:,.0f}" for variant, value in torch.items()) + " |")


def torch_rates(model, shape, batch, steps, variants, device):
    """A line of JSON for each variant, as benches/peer.rs writes it."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    device = torch.device("cuda" if device.startswith("cuda") else "cpu")
    for variant in variants:
        torch._dynamo.reset()
        rates = torch_rate(torch, model, shape, batch, steps, variant, device)
        print(json.dumps({"variant": variant, "images_per_s": round(rates[1]), "images_per_s_min": round(rates[0]),
                          "images_per_s_max": round(rates[2])}), flush=True)


def torch_rate(torch, model, shape, batch, steps, variant, device):
    import numpy as np
    from torch_models import model as twin

    height, width, channels = (int(n) for n in shape.split("x"))
    order = torch.channels_last if variant == "channels_last" else torch.contiguous_format
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, channels, height, width), np.uint8)
    data = torch.from_numpy(images).to(device)
    labels = (torch.arange(IMAGES) % CLASSES).to(device)
    net = twin(model, channels, height).to(device, memory_format=order)
    adam = torch.optim.Adam(net.parameters(), lr=1e-5, fused=True)
    loss_of = lambda u, y: net.loss(u.to(torch.float32).div_(127.5).sub_(1.0).contiguous(memory_format=order), y)
    if variant == "compile":
        loss_of = torch.compile(loss_of)
    if variant == "compile_graphs":
        loss_of = torch.compile(loss_of, mode="reduce-overhead")

    def step(index):
        index = index.to(device, non_blocking=True)
        adam.zero_grad(set_to_none=True)
        loss_of(data[index], labels[index]).backward()
        adam.step()

    sync = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    batches = [torch.randperm(IMAGES)[:batch] for _ in range(32)]
    for number in range(WARM_UP + 10):
        step(batches[number % 32])
    sync()
    rates = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for number in range(steps):
            step(batches[number % 32])
        sync()
        rates.append(batch * steps / (time.perf_counter() - start))
    return sorted(rates)


def profile(bundle, args):
    """The kernels of some steps: what they are, how often, how long; and what of a step's time they are not."""
    found = {}
    ncu = shutil.which("ncu") or next(iter(glob.glob("/usr/local/cuda*/bin/ncu") + glob.glob("/opt/nvidia/*/ncu")), None)
    for model, shape, batch, _ in CASES if not args.quick else CASES[:1]:
        if args.cases and model not in args.cases.split(",") or ncu is None:
            continue
        steps = 1
        peer = bundle.command("peer", "--device", bundle.device, "--model", model, "--shape", shape, "--batch",
                              str(batch), "--steps", str(steps))
        log = os.path.join(args.scratch, f"{model}{batch}.csv")
        command = [ncu, "--csv", "--log-file", log, "--metrics", "gpu__time_duration.sum", "--target-processes", "all",
                   "--clock-control", "none", *peer]
        done = bundle.run(command, args.limit)
        row = kernels(log, steps) if os.path.exists(log) else {"failed": tail(done["err"] + done["out"])}
        rate = ours(bundle, (model, shape, batch), 20, args.limit).get("images_per_s")
        if rate and "failed" not in row:
            row["step_us"] = batch / rate * 1e6
            row["idle_us"] = row["step_us"] - row["kernel_us_a_step"]
        found[f"{model} {batch}"] = row
        print(model, batch, done["code"], done["seconds"], file=sys.stderr, flush=True)
    return found


def kernels(log, steps):
    """Of the last `steps` steps, which are those of the last repeat."""
    with open(log, errors="replace") as file:
        lines = [line for line in file if line.startswith('"')]
    rows = [(row["Kernel Name"], float(row["Metric Value"].replace(",", "")), row["Metric Unit"]) for row in csv.DictReader(lines)]
    scale = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "nsecond": 1e-3, "usecond": 1.0, "msecond": 1e3}
    names = [name for name, _, _ in rows]
    period = repeats_every(names)
    if period is None:
        period, steps = len(names), 1
    last = rows[-period * steps:]
    sums = {}
    for name, time_, unit in last:
        count, total = sums.get(name, (0, 0.0))
        sums[name] = (count + 1, total + time_ * scale.get(unit, 1.0))
    table = sorted(((name[:90], count / steps, total / steps) for name, (count, total) in sums.items()), key=lambda row: -row[2])
    return {"launches_a_step": len(last) / steps, "kernel_us_a_step": sum(row[2] for row in table),
            "kernels": [{"name": name, "a_step": count, "us_a_step": round(us, 2)} for name, count, us in table[:25]],
            "order": [f"{name[:70]} {time_ * scale.get(unit, 1.0):.1f}" for name, time_, unit in rows[-period:]]}


def repeats_every(names):
    """After how many kernels the last ones come again."""
    for period in range(3, len(names) // 3):
        if names[-period:] == names[-2 * period:-period] == names[-3 * period:-2 * period]:
            return period
    return None


def sha(folder):
    """Of the best model's checkpoint."""
    files = sorted(glob.glob(os.path.join(folder, "**", "best", "*"), recursive=True))
    content = [open(file, "rb").read() for file in files if os.path.isfile(file)]
    return hashlib.sha256(b"".join(content)).hexdigest()[:16] if content else None


def equal(bundle, args):
    found = {}
    for model in ["SingleLayerCAE", "LeNet"]:
        common = ["--model", model, "--optimizer_args", '{"learning_rate": 1e-3}', "--seed", "1", "--batch_size", "512"]
        logs = [os.path.join(args.scratch, f"{model}{number}") for number in range(3)]
        epochs = ["--epochs", "2"]
        for log in logs[:2]:
            done = bundle.train(log, *common, *epochs, limit=args.limit)
        paused = bundle.train(logs[2], *common, *epochs, "--stop_after", "1", limit=args.limit)
        resumed = bundle.train(logs[2], *common, *epochs, limit=args.limit)
        shas = [sha(log) for log in logs]
        found[model] = {"sha256": shas, "equal": shas[0] == shas[1], "resumed_equal": shas[0] == shas[2],
                        "codes": [done["code"], paused["code"], resumed["code"]],
                        "said": "" if resumed["code"] == 0 else tail(resumed["err"])}
    return found


def article(bundle, args):
    found = []
    for seed, penalty in [(1, "0"), (1, "1e-9"), (2, "0"), (2, "1e-9")]:
        log = os.path.join(args.scratch, f"article{seed}_{penalty}")
        done = bundle.train(log, "--model", "SingleLayerCAE", "--optimizer_args", '{"learning_rate": 1e-5}', "--batch_size",
                            "1024", "--l2_penalty", penalty, "--epochs", "4" if args.quick else "150", "--seed", str(seed),
                            limit=args.limit)
        lines = [line for line in done["out"].splitlines() if line.startswith("{")]
        results = json.loads("".join(lines)) if lines else {"said": tail(done["out"] + done["err"])}
        found.append({"seed": seed, "l2_penalty": penalty, "seconds": done["seconds"], "code": done["code"], "results": results})
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("--out", default="gpu.json")
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--dataset", default="MNIST", help="Digits for a rehearsal on a processor")
    parser.add_argument("--only", default=",".join(PARTS))
    parser.add_argument("--cases", help="only these models, as LeNet,VGG")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    parser.add_argument("--no_torch", action="store_true")
    parser.add_argument("--quick", action="store_true", help="few steps: a rehearsal")
    parser.add_argument("--limit", type=int, default=120, help="seconds that one program may take")
    parser.add_argument("--scratch", default="/tmp/dytb-gpu")
    parser.add_argument("--torch", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch:
        model, shape, batch, steps, variants = args.torch
        return torch_rates(model, shape, int(batch), int(steps), variants.split(","), args.device)
    shutil.rmtree(args.scratch, ignore_errors=True)
    os.makedirs(args.scratch)
    bundle, found = Bundle(args.bundle, args.device, args.dataset), {}
    parts = {part.__name__: part for part in (machine, tests, speed, profile, equal, article)}
    for name in args.only.split(","):
        start = time.perf_counter()
        try:
            found[name] = parts[name](bundle, args)
        except Exception as error:  # The parts that follow are wanted all the same.
            found[name] = {"failed": f"{type(error).__name__}: {error}"}
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
        with open(args.out, "w") as file:
            json.dump(found, file, indent=1)
    print(json.dumps({name: part for name, part in found.items() if name not in ("profile", "speed")}, indent=1))
    for row in found.get("speed", []) if isinstance(found.get("speed"), list) else []:
        print(summary(row))


if __name__ == "__main__":
    main()
