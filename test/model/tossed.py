"""Recordings of a cube whose dynamics are known: the step itself with chosen parameters."""

import numpy as np

from sakiyomi_data.tosses.cube_model import NAMES, TossModel, starting_point
from sakiyomi_data.tosses.flight import Flight
from sakiyomi_data.tosses.recordings import Tosses

RATE_HZ, WIDTH_M, FRAMES = 148.0, 0.1, 90
TRUTH = {'friction': 0.3, 'restitution': 0.3, 'center_z_m': 0.006, 'radius_squared': 0.25}


def true_parameters():
    """A cube with its centre of mass off the middle and no error of the first twist."""
    parameters = starting_point(Flight(np.zeros(3), 9.81, WIDTH_M, np.zeros((1, 6))))
    for name, value in TRUTH.items():
        parameters[NAMES.index(name)] = value
    return parameters


def thrown(count, seed):
    """First frames alone, as tosses that stand still."""
    random = np.random.default_rng(seed)
    q = random.standard_normal((count, 1, 4))
    height = 0.25 + 0.05 * random.random((count, 1, 1))
    position = np.concatenate([random.standard_normal((count, 1, 2)), height], 2)
    velocity = np.array([1.0, 0.3, 0.0]) + 0.3 * random.standard_normal((count, 1, 3))
    spin = 3.0 * random.standard_normal((count, 1, 3))
    q = q / np.linalg.norm(q, axis=2, keepdims=True)
    series = [np.repeat(v, FRAMES, 1).astype(np.float32) for v in (position, q, velocity, spin)]
    return Tosses(*series, np.full(count, FRAMES), RATE_HZ, WIDTH_M)


def record(count, seed):
    """Tosses as the true cube makes them, with velocities by differences."""
    first = thrown(count, seed)
    paths = TossModel(RATE_HZ).roll_out(true_parameters()[None], first)
    position, rotation = paths.position[0].numpy(), paths.rotation[0].numpy()
    velocity = np.gradient(position, 1.0 / RATE_HZ, axis=1).astype(np.float32)
    velocity[:, 0] = first.velocity[:, 0]
    return Tosses(position, rotation, velocity, first.spin, first.length, RATE_HZ, WIDTH_M)


def write(path, tosses, **changes):
    """The file format of the recordings, with arrays replaced."""
    flat = {
        'toss_id': np.arange(len(tosses)),
        'length': tosses.length,
        'position': tosses.position[tosses.recorded],
        'quaternion_wxyz': tosses.rotation[tosses.recorded],
        'linear_velocity': tosses.velocity[tosses.recorded],
        'angular_velocity_body': tosses.spin[tosses.recorded],
        'rate_hz': np.float64(tosses.rate_hz),
        'cube_width_m': np.float64(tosses.width_m),
    }
    np.savez(path, **{k: v for k, v in (flat | changes).items() if v is not None})
    return path
