"""Made-up episodes to learn from."""

import numpy as np

from sakiyomi_data.episodes.layout import NUM_FRAMES, NUM_SAMPLES, T0_FRAME, empty_episode

LAG_MPS = 0.25  # the tracker always says so much too little


def sliding_episode(seed):
    """A box that slides without friction while its tracker lags behind."""
    rng = np.random.default_rng(seed)
    episode = empty_episode()
    episode['episode/scenario'] = np.str_('slide')
    heading = rng.uniform(0.0, 2 * np.pi)
    velocity = rng.uniform(0.3, 0.6) * np.array([np.cos(heading), np.sin(heading), 0.0])
    start = np.array([0.5, 0.0, 0.03])
    points = rng.uniform(-0.03, 0.03, (96, 3))
    points[np.arange(96), rng.integers(0, 3, 96)] = 0.03 * rng.choice([-1.0, 1.0], 96)
    frames = 0.1 * (np.arange(NUM_FRAMES) - T0_FRAME)
    fine = 0.05 * (np.arange(NUM_SAMPLES) - 2 * T0_FRAME)
    episode['frames/stamp_s'][:] = frames
    episode['frames/id'][:] = [1, -1, -1, -1]
    for name in ('present', 'visible'):
        episode[f'frames/{name}'][:, 0] = True
    episode['frames/T_world_object'][:, 0] = np.eye(4)
    episode['frames/T_world_object'][:, 0, :3, 3] = start + frames[:, None] * velocity
    tracked = velocity * (1.0 - LAG_MPS / np.linalg.norm(velocity))
    episode['frames/twist'][:, 0, :3] = tracked
    episode['frames/pose_covariance'][:, 0] = 1e-5 * np.eye(6)
    episode['frames/twist_covariance'][:, 0] = 1e-2 * np.eye(6)
    episode['frames/points_m'][:, 0] = points
    episode['frames/properties'][:, 0] = [0.2, 0.01, 0.05, 0.0004, 0.2, 0.02]
    episode['truth/name'] = np.array(['box', '', ''])
    for name, value in (('present', True), ('actor', True), ('slot', 0)):
        episode[f'truth/{name}'][0] = value
    episode['truth/slot'][1:] = -1
    episode['truth/stamp_s'][:] = fine
    episode['truth/undisturbed_s'][...] = frames[0]
    episode['truth/T_world_object'][:, 0] = np.eye(4)
    episode['truth/T_world_object'][:, 0, :3, 3] = start + fine[:, None] * velocity
    episode['truth/twist'][:, 0, :3] = velocity
    for name, value in (('mass_kg', 0.2), ('friction', 0.05), ('restitution', 0.1)):
        episode[f'truth/{name}'][0] = value
    for name in ('rolling_friction_m', 'spinning_friction_m'):
        episode[f'truth/{name}'][0] = 5e-4
    episode['hand/T_world_grasp'][:] = np.eye(4)
    episode['action/T_world_grasp'][:] = np.eye(4)
    return episode


def gripped_episode(seed):
    """The same box, which a hand holds from the third frame on and weighs."""
    rng = np.random.default_rng(seed)
    episode = sliding_episode(seed)
    episode['frames/held'][3:, 0] = True
    episode['frames/properties'][3:, 0, :4] = rng.uniform(0.01, 0.5, (NUM_FRAMES - 3, 4))
    episode['hand/present'][...] = True
    for name in ('pad_force_n', 'pad_point_m', 'wrench'):
        shape = episode[f'hand/{name}'].shape
        episode[f'hand/{name}'][:] = rng.normal(size=shape)
    episode['hand/pad_contact'][:] = rng.random((NUM_SAMPLES, 2)) < 0.5
    episode['hand/T_world_grasp'][:, :3, 3] = 0.5, 0.0, 0.4
    episode['action/times_s'][:] = 0.05 * np.arange(21)
    episode['action/T_world_grasp'][:, :3, 3] = 0.5, 0.0, 0.4
    return episode
