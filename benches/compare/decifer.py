"""Our generator beside deCIFer's code, in one run, one thread each: structures trained on in a second of CPU time
at the same width and depth, and structures sampled.

Usage: python decifer.py CHECKOUT SURROGATE PROBLEM RUN
  CHECKOUT   their repository
  SURROGATE  our program (cargo build --release)
  PROBLEM    a problem file with [crystal], whose [network] is also given to their model
  RUN        a finished run of ours of that network, to sample from

Theirs: their model class and optimiser with the loop of their training script on random tokens, in packed rows as
their configuration has them and with one structure a row, which is faster; the making of patterns is left out. A
structure has as many tokens as the text that their tokenizer is meant for has on average, also when it is sampled.
The faster of their ways is compared. Ours: `surrogate train`, patterns and optimiser included, and
`surrogate train`'s own sampling of held-out crystals, from its structures.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import torch

# mean length of their texts of crystals of two or three elements, measured with their tokenizer
TOKENS = 359
BLOCK = 3076
ROWS = ((1, BLOCK), (8, TOKENS))
STEPS = 3
SAMPLES = (1, 8)
OUR_STEPS = 60


def theirs_model(checkout, network):
    sys.path.insert(0, checkout)
    import decifer.decifer_model as module
    from decifer.decifer_model import Decifer, DeciferConfig
    from decifer.tokenizer import Tokenizer

    # what an untrained model draws must not end a structure early
    module.PADDING_ID = module.NEWLINE_ID = -1
    size = Tokenizer().vocab_size
    config = DeciferConfig(block_size=BLOCK, vocab_size=size, n_layer=network["layers"], n_head=network["heads"],
                           n_embd=network["width"], dropout=0.0, condition=True, condition_size=1000)
    return Decifer(config), size


def train_theirs(model, size, rows, length):
    """Structures a CPU second, in steps of so many rows of so many tokens."""
    optimizer = model.configure_optimizers(0.1, 1e-3, (0.9, 0.99))
    starts = [torch.arange(0, length, TOKENS)] * rows
    patterns = sum(len(s) for s in starts)
    model.train()
    seconds = []
    for _ in range(STEPS + 1):
        tokens = torch.randint(size - 2, (rows, length + 1))
        begin = time.process_time()
        _, loss = model(tokens[:, :-1], torch.rand(patterns, 1000), tokens[:, 1:].contiguous(), starts)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds.append(time.process_time() - begin)
    return rows * length / TOKENS / min(seconds[1:])


def sample_theirs(model, count):
    """Structures a CPU second, of so many at once."""
    model.eval()
    prompt = torch.zeros(count, 1, dtype=torch.long)
    begin = time.process_time()
    model.generate_batched_reps(prompt, TOKENS, cond_vec=torch.rand(count, 1000), start_indices_batch=[[0]] * count,
                                disable_pbar=True)
    return count / (time.process_time() - begin)


def train_ours(program, problem, folder):
    """Structures a CPU second of steps, patterns and optimiser included, and the crystals drawn in one."""
    with open(problem, "rb") as file:
        batch = tomllib.load(file)["crystal"].get("batch", 64)
    command = [program, "train", problem, "--out", folder, "--name", "ours", "--threads", "1", "--no-progress", "--set",
               f"train.stages=[{{optimizer='adam',iterations={OUR_STEPS}}}]"]
    subprocess.run(command, check=True, capture_output=True)
    with open(os.path.join(folder, "ours", "energy.json")) as file:
        stages = json.load(file)["stages"]
    seconds = sum(stage["cpu_s"] for stage in stages if stage["path"].startswith("train"))
    return OUR_STEPS * batch / seconds


def main():
    checkout, program, problem, run = sys.argv[1:]
    with open(problem, "rb") as file:
        network = tomllib.load(file)["network"]
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, size = theirs_model(os.path.abspath(checkout), network)
    with tempfile.TemporaryDirectory() as folder:
        ours = train_ours(os.path.abspath(program), os.path.abspath(problem), folder)
    trained = {f"{rows} x {length}": train_theirs(model, size, rows, length) for rows, length in ROWS}
    theirs = max(trained.values())
    with open(os.path.join(run, "structures.json")) as file:
        drawn = json.load(file)["drawn_per_cpu_second"]
    sampled = {count: sample_theirs(model, count) for count in SAMPLES}
    best = max(sampled.values())
    print(f"torch {torch.__version__}, one thread, width {network['width']}, {network['layers']} layers, "
          f"{network['heads']} heads; structures a CPU second")
    words = ", ".join(f"{rate:.2f} in rows of {rows}" for rows, rate in trained.items())
    print(f"training   theirs {theirs:8.2f} ({words})   ours {ours:8.1f}   {ours / theirs:.1f} times")
    words = ", ".join(f"{rate:.3f} with {count} at once" for count, rate in sampled.items())
    print(f"sampling   theirs {best:8.3f} ({words})   ours {drawn:8.1f}   {drawn / best:.0f} times")


if __name__ == "__main__":
    main()
