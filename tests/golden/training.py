"""The numbers of training.json.gz, as PyTorch makes them.

    pip install numpy torch
    python -P tests/golden/training.py       # writes training.json.gz beside this file

Learning rates of OneCycleLR, CosineAnnealingLR and ReduceLROnPlateau step by step, gradients after clip_grad_norm_, the
moving average of swa_utils.AveragedModel, and CrossEntropyLoss with class weights; all in float64 but the clipping and
the average, which are what a network of float32 has.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import torch
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def optimizer(rate):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


def stepwise(rate, steps, make):
    """The learning rate of each step."""
    sgd = optimizer(rate)
    schedule = make(sgd)
    rates = []
    for _ in range(steps):
        rates.append(sgd.param_groups[0]["lr"])
        sgd.step()
        if len(rates) < steps:
            schedule.step()
    return rates


def schedules():
    found = []
    for steps_per_epoch, epochs, rise, least in [(7, 10, 0, 0.0), (5, 4, 1, 1e-5), (1, 10, 0, 0.0), (3, 2, 0, 0.0), (2, 1, 0, 0.0)]:
        steps, rate = steps_per_epoch * epochs, 0.1
        final = 1e4 if least == 0 else rate / 25 / least
        make = lambda sgd: lr_scheduler.OneCycleLR(
            sgd, rate, total_steps=steps, pct_start=rise / epochs if rise else 0.3, final_div_factor=final, cycle_momentum=False)
        found.append({"schedule": "one_cycle", "steps_per_epoch": steps_per_epoch, "epochs": epochs, "warmup": rise,
                      "min_lr": least, "rates": stepwise(rate, steps, make)})
    for steps_per_epoch, epochs, least in [(4, 5, 0.0), (4, 5, 0.01)]:
        steps, rate = steps_per_epoch * epochs, 0.1
        # Its closed form: the recursion gathers rounding errors.
        sgd = optimizer(rate)
        cosine = lr_scheduler.CosineAnnealingLR(sgd, steps, eta_min=least)
        rates = []
        for step in range(steps):
            cosine.last_epoch = step
            rates.append(cosine._get_closed_form_lr()[0])
        found.append({"schedule": "cosine", "steps_per_epoch": steps_per_epoch, "epochs": epochs, "warmup": 0,
                      "min_lr": least, "rates": rates})
    return found


def plateaus():
    """The learning rate of each epoch, after the validations of those before."""
    generator = np.random.default_rng(6)
    values = (1 / np.arange(1, 41) + generator.normal(0, 0.02, 40)).round(4).tolist()
    values[7] = float("nan")
    found = []
    for mode in ["min", "max"]:
        for patience, factor, threshold, least in [(0, 0.5, 0.0, 0.0), (2, 0.1, 0.0, 1e-3), (1, 0.3, 0.02, 0.0), (10, 0.1, 0.01, 0.0)]:
            sgd = optimizer(0.1)
            plateau = lr_scheduler.ReduceLROnPlateau(
                sgd, mode=mode, factor=factor, patience=patience, threshold=threshold, threshold_mode="abs", min_lr=least, eps=0.0)
            rates = []
            for value in values:
                rates.append(sgd.param_groups[0]["lr"])
                plateau.step(value if mode == "min" else 1 - value)
            found.append({"mode": mode, "patience": patience, "factor": factor, "min_delta": threshold, "min_lr": least,
                          "rates": rates})
    # JSON has no NaN.
    return {"values": [None if np.isnan(value) else value for value in values], "found": found}


def clipping():
    found = []
    for most, scale in [(1.0, 1.0), (0.5, 3.0), (100.0, 1.0), (1.0, 0.0), (1e-3, 1e4)]:
        generator = np.random.default_rng(7)
        gradients = [(scale * generator.normal(size=shape)).astype(np.float32) for shape in [(3, 4), (5,), (2, 1, 3, 3)]]
        parameters = [torch.nn.Parameter(torch.zeros(gradient.shape)) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = torch.from_numpy(gradient.copy())
        norm = torch.nn.utils.clip_grad_norm_(parameters, most)
        found.append({"most": most, "norm": norm.item(),
                      "gradients": [{"shape": list(g.shape), "before": g.flatten().tolist(),
                                     "after": p.grad.flatten().tolist()} for g, p in zip(gradients, parameters)]})
    return found


def averages():
    found = []
    for decay in [0.9, 0.999, 0.2]:
        generator = np.random.default_rng(8)
        model = torch.nn.Linear(3, 2)
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        steps = []
        for _ in range(6):
            for parameter in model.parameters():
                parameter.data = torch.from_numpy(generator.normal(size=parameter.shape).astype(np.float32))
            averaged.update_parameters(model)
            steps.append([[p.flatten().tolist() for p in m.parameters()] for m in (model, averaged.module)])
        found.append({"decay": decay, "steps": [{"weights": now, "average": mean} for now, mean in steps]})
    return found


def weights():
    """Balanced weights as scikit-learn defines them, n / (C n_c), and PyTorch's weighted loss of mixed and smoothed labels."""
    training = [0, 0, 0, 0, 0, 1, 3, 3, 2, 2, 2, 0]
    counts = np.bincount(training, minlength=5)
    balanced = [len(training) / (np.count_nonzero(counts) * count) if count else 0.0 for count in counts]
    logits = torch.from_numpy(np.random.default_rng(5).normal(scale=2, size=(4, 5)))
    labels = torch.tensor([0, 3, 3, 1])
    found = []
    for lam in [1.0, 0.7, 0.2]:
        for smoothing in [0.0, 0.1, 0.6]:
            criterion = torch.nn.CrossEntropyLoss(weight=torch.tensor(balanced).double(), label_smoothing=smoothing)
            loss = lam * criterion(logits, labels) + (1 - lam) * criterion(logits, labels.roll(1))
            found.append({"lambda": lam, "smoothing": smoothing, "loss": loss.item()})
    return {"training": training, "balanced": balanced, "logits": logits.tolist(), "labels": labels.tolist(), "found": found}


def main():
    numbers = {"source": f"torch {torch.__version__}", "schedules": schedules(), "plateaus": plateaus(),
               "clipping": clipping(), "averages": averages(), "weights": weights()}
    path = Path(__file__).with_name("training.json.gz")
    path.write_bytes(gzip.compress(json.dumps(numbers, separators=(",", ":"), allow_nan=False).encode(), 9, mtime=0))
    print(f"{path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
