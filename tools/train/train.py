#!/usr/bin/env python3
"""Trains the small models that Kiln's examples use, on pictures that are drawn as they are needed.

    train.py detector      writes assets/models/scenes.onnx, in about 20 minutes on two cores
    train.py pose          writes assets/models/figures.onnx, in about 10 minutes
    train.py segmenter     writes assets/models/masks.onnx, in about 10 minutes
    train.py classifier    writes assets/models/icons.onnx, in about 5 minutes

The same seed gives the same pictures in the same order; `evaluate.py` says how good the models are. Every 200 steps the
state is saved in out/train, with the model as it is then as ONNX; `--resume` goes on from there.
"""

import argparse
import copy
import pathlib
import time
from typing import Callable, NamedTuple

import numpy as np
import torch

import classifier
import detector
import export
import pose
import segmenter
from figures import JOINTS, draw_crop
from scenes import CLASSES, draw_labelled_scene, draw_scene, draw_tile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def scene(rng):
    picture, objects = draw_scene(rng, detector.SIZE)
    centres, sizes = (objects[:, 1:3] + objects[:, 3:5]) / 2, objects[:, 3:5] - objects[:, 1:3]
    return picture, np.concatenate((objects[:, :1], centres, sizes), 1)


def labelled_scene(rng):
    picture, _, labels = draw_labelled_scene(rng, segmenter.SIZE)
    return picture, labels.astype(np.int64)


def figure(rng):
    return draw_crop(rng, pose.WIDTH, pose.HEIGHT)


def tile(rng):
    picture, of = draw_tile(rng, classifier.SIZE)
    return picture, np.array(of)


class Pictures(torch.utils.data.Dataset):
    """Those from number `start` on; each depends on the seed and its number only."""

    def __init__(self, draw, seed, count, start):
        self.draw, self.seed, self.count, self.start = draw, seed, count, start

    def __len__(self):
        return self.count - self.start

    def __getitem__(self, index):
        return self.draw(np.random.default_rng([self.seed, self.start + index]))


def as_batch(items):
    pictures = torch.from_numpy(np.stack([item[0] for item in items])).permute(0, 3, 1, 2).float() / 255
    return pictures.contiguous(memory_format=torch.channels_last), [torch.from_numpy(item[1]) for item in items]


def detection_losses(results, objects):
    rows = [torch.cat((torch.full((len(o), 1), float(i)), o), 1) for i, o in enumerate(objects)]
    return detector.losses_of([result.float() for result in results], torch.cat(rows))


def pose_losses(results, joints):
    return pose.losses_of([result.float() for result in results], torch.stack(joints))


def segmentation_losses(scores, labels):
    return segmenter.losses_of(scores.float(), torch.stack(labels))


def classification_losses(results, classes):
    return classifier.losses_of([result.float() for result in results], torch.stack(classes))


class Task(NamedTuple):
    network: Callable[[], torch.nn.Module]
    losses_of: Callable
    draw: Callable
    pictures: int
    batch: int
    export: Callable
    output: str


TASKS = {
    "detector": Task(lambda: detector.Detector(len(CLASSES)), detection_losses, scene, 24000, 16,
                     export.detector_to_onnx, "scenes.onnx"),
    "pose": Task(lambda: pose.Pose(len(JOINTS)), pose_losses, figure, 40000, 32, export.pose_to_onnx, "figures.onnx"),
    "segmenter": Task(lambda: segmenter.Segmenter(len(CLASSES) + 1), segmentation_losses, labelled_scene, 24000, 16,
                      export.segmenter_to_onnx, "masks.onnx"),
    "classifier": Task(lambda: classifier.Classifier(len(CLASSES)), classification_losses, tile, 32000, 32,
                       export.classifier_to_onnx, "icons.onnx"),
}


class Training:
    """A model, the moving average over its steps, and what is needed to go on with both."""

    def __init__(self, model, losses_of, steps, rate):
        self.model, self.losses_of = model.to(memory_format=torch.channels_last), losses_of
        self.average, self.step, self.steps, self.smooth = copy.deepcopy(model), 0, steps, None
        decays = [p for p in model.parameters() if p.ndim > 1]
        others = [p for p in model.parameters() if p.ndim <= 1]
        groups = [{"params": decays, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
        self.optimiser, self.rate = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99)), rate

    def rate_now(self):
        """Rises over 100 steps, stays, and falls to nothing over the last two fifths: until then, a training for more
        pictures is the same training."""
        left = (self.steps - self.step) / (0.4 * self.steps)
        return self.rate * min((self.step + 1) / 100, left, 1.0)

    def learn(self, pictures, targets):
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate_now()
        with torch.autocast("cpu", torch.bfloat16):
            results = self.model(pictures)
        losses = self.losses_of(results, targets)
        self.optimiser.zero_grad()
        losses.sum().backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        keep = min(0.998, self.step / (self.step + 9))
        with torch.no_grad():
            for mean, now in zip(self.average.state_dict().values(), self.model.state_dict().values()):
                if mean.is_floating_point():
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)
        self.smooth = losses.detach() if self.smooth is None else 0.98 * self.smooth + 0.02 * losses.detach()

    def save(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {"model": self.model.state_dict(), "average": self.average.state_dict(), "step": self.step,
                 "optimiser": self.optimiser.state_dict(), "smooth": self.smooth}
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def load(self, path):
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.smooth = state["step"], state["smooth"]

    def run(self, batches, checkpoint, write, every=200, report=50):
        began = time.monotonic()
        for pictures, targets in batches:
            self.learn(pictures, targets)
            last = self.step == self.steps
            if self.step % report == 0 or last:
                parts = " + ".join(f"{part:.4f}" for part in self.smooth.tolist())
                print(f"step {self.step}/{self.steps}  loss {self.smooth.sum():.4f} = {parts}  "
                      f"{time.monotonic() - began:.0f} s", flush=True)
            if self.step % every == 0 or last:
                self.save(checkpoint)
                write(copy.deepcopy(self.average).eval(), checkpoint.with_suffix(".onnx"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--pictures", type=int, help="how many to learn from (24000 to 40000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=pathlib.Path, help="the model to write")
    parser.add_argument("--checkpoint", type=pathlib.Path, help="where the state is saved (out/train/TASK.pt)")
    parser.add_argument("--resume", action="store_true", help="go on from the state that was saved")
    arguments = parser.parse_args()
    task, seed = TASKS[arguments.task], arguments.seed
    torch.manual_seed(seed)
    checkpoint = arguments.checkpoint or ROOT / f"out/train/{arguments.task}.pt"
    steps = (arguments.pictures or task.pictures) // task.batch
    training = Training(task.network(), task.losses_of, steps, rate=2e-3)
    if arguments.resume:
        training.load(checkpoint)
    if training.step < steps:
        left = Pictures(task.draw, seed, steps * task.batch, training.step * task.batch)
        batches = torch.utils.data.DataLoader(left, task.batch, collate_fn=as_batch, num_workers=1, prefetch_factor=4)
        training.run(batches, checkpoint, task.export)
    task.export(training.average.eval(), arguments.output or ROOT / "assets/models" / task.output)


if __name__ == "__main__":
    main()
