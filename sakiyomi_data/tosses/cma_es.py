"""Covariance matrix adaptation: minimise what has no useful gradient.

A toss is chaotic: the gradient of a pose after several impacts says little about which parameters
are right, while the error itself, averaged over tosses, is smooth on the scale of the search.
Hansen, The CMA evolution strategy: a tutorial, 2016, with its default settings.
"""

from __future__ import annotations

import math

import numpy as np


class CmaEs:
    """A normal distribution that moves towards better candidates."""

    def __init__(self, size: int, candidates: int, sigma: float, seed: int) -> None:
        self.size, self.candidates, self.seed = size, candidates, seed
        self.mean, self.covariance = np.zeros(size), np.eye(size)
        self.path, self.sigma_path = np.zeros(size), np.zeros(size)
        self.sigma, self.generation = sigma, 0
        half = candidates // 2
        weights = math.log(half + 0.5) - np.log(np.arange(1, half + 1))
        self.weights = weights / weights.sum()
        mass = 1.0 / float((self.weights**2).sum())
        self.mass = mass
        self.c_sigma = (mass + 2.0) / (size + mass + 5.0)
        excess = max(0.0, math.sqrt((mass - 1.0) / (size + 1.0)) - 1.0)
        self.damping = 1.0 + 2.0 * excess + self.c_sigma
        self.c_path = (4.0 + mass / size) / (size + 4.0 + 2.0 * mass / size)
        self.c_one = 2.0 / ((size + 1.3) ** 2 + mass)
        rank = 2.0 * (mass - 2.0 + 1.0 / mass) / ((size + 2.0) ** 2 + mass)
        self.c_rank = min(1.0 - self.c_one, rank)
        self.expected = math.sqrt(size) * (1.0 - 1.0 / (4.0 * size) + 1.0 / (21.0 * size**2))

    def ask(self) -> np.ndarray:
        """Candidates of this generation, the same however often it is asked. Shape (C, D)."""
        random = np.random.default_rng([self.seed, self.generation])
        values, vectors = np.linalg.eigh(self.covariance)
        z = random.standard_normal((self.candidates, self.size))
        return self.mean + self.sigma * (z * np.sqrt(np.maximum(values, 1e-12))) @ vectors.T

    def tell(self, candidates: np.ndarray, costs: np.ndarray) -> None:
        """Move towards the better half."""
        best = candidates[np.argsort(costs)[: len(self.weights)]]
        steps = (best - self.mean) / self.sigma  # (C / 2, D)
        move = self.weights @ steps
        values, vectors = np.linalg.eigh(self.covariance)
        whitened = vectors @ ((vectors.T @ move) / np.sqrt(np.maximum(values, 1e-12)))
        keep = math.sqrt(self.c_sigma * (2.0 - self.c_sigma) * self.mass)
        self.sigma_path = (1.0 - self.c_sigma) * self.sigma_path + keep * whitened
        self.generation += 1
        norm = float(np.linalg.norm(self.sigma_path))
        fade = math.sqrt(1.0 - (1.0 - self.c_sigma) ** (2 * self.generation))
        steady = norm / fade < (1.4 + 2.0 / (self.size + 1.0)) * self.expected
        keep = math.sqrt(self.c_path * (2.0 - self.c_path) * self.mass)
        self.path = (1.0 - self.c_path) * self.path + steady * keep * move
        lost = (1.0 - steady) * self.c_one * self.c_path * (2.0 - self.c_path)
        self.covariance = (
            (1.0 - self.c_one - self.c_rank + lost) * self.covariance
            + self.c_one * np.outer(self.path, self.path)
            + self.c_rank * (steps.T * self.weights) @ steps
        )
        self.mean = self.mean + self.sigma * move
        self.sigma *= math.exp(self.c_sigma / self.damping * (norm / self.expected - 1.0))

    def state(self) -> dict[str, np.ndarray]:
        """Everything that `restore` needs."""
        scalars = np.array([self.sigma, self.generation])
        return {
            'mean': self.mean,
            'covariance': self.covariance,
            'path': self.path,
            'sigma_path': self.sigma_path,
            'scalars': scalars,
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a `state`."""
        self.mean, self.covariance = state['mean'], state['covariance']
        self.path, self.sigma_path = state['path'], state['sigma_path']
        self.sigma, self.generation = float(state['scalars'][0]), int(state['scalars'][1])
