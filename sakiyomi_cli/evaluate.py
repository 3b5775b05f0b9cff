"""`sakiyomi evaluate NAME`: the measurements, each a module of sakiyomi_evaluation."""

from __future__ import annotations

import argparse
import importlib

EVALUATIONS = {
    'clutter': 'clear tables of unseen objects: success rate, declutter rate, failures',
    'stops': 'the arm when senses are lost, goals cancelled, the planner dies: rest, force',
    'perceive': 'how well objects are told apart, tracked and measured, with which sensors',
    'predict': 'where objects are going to be, against physics engines and simpler guesses',
    'ablations': 'what each part of the learned world model is worth, trained without it',
    'properties': 'mass, friction and centre of mass, known after one lift and tilt',
    'imagine': 'candidate pushes and grasps: what is imagined against what then happens',
    'segmentation': 'instances by the network and by clustering, on rendered scenes',
    'toss': 'real tosses of a cube, predicted from their first frame; against MuJoCo',
    'toss_curve': 'how many real tosses it takes, with and without pre-training in simulation',
    'rollouts': 'futures a second of the world model, against PyBullet and MuJoCo',
    'latency': 'sensor-to-prediction and plan times, messages lost, CPU of each process',
}
# what takes no --workers, and how an interrupted run goes on all the same
WITHOUT_ROUNDS = {
    'ablations': 'No --workers: trainings use --threads. They resume from their folders in --out.',
    'toss': 'No --workers: the search uses --threads. It resumes from --checkpoint.',
    'toss_curve': 'No --workers: searches use --threads. Finished points are kept in --points.',
    'rollouts': 'No --workers: times are taken while nothing else runs. Nothing is resumed.',
    'latency': 'No --workers: times are taken while nothing else runs. Nothing is resumed.',
}


def add_arguments(parser: argparse.ArgumentParser, args: list[str]) -> None:
    """Every evaluation by name; the arguments of the one that is asked for."""
    names = parser.add_subparsers(dest='evaluation', metavar='NAME', required=True)
    for name, summary in EVALUATIONS.items():
        evaluation = names.add_parser(
            name,
            help=summary,
            description=f'{summary.capitalize()}.',
            epilog=WITHOUT_ROUNDS.get(name),
        )
        if name in args:
            importlib.import_module(f'sakiyomi_evaluation.{name}').add_arguments(evaluation)


def run(options: argparse.Namespace) -> int:
    """Measure; the exit status."""
    return importlib.import_module(f'sakiyomi_evaluation.{options.evaluation}').run(options)
