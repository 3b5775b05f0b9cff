"""A closed-form work cell for the page: what every sensor and node would say at time t."""

import numpy as np
import trimesh

from sakiyomi.geometry import make_transform, transform_points
from sakiyomi.scene import ContactPoints, Gaussian, HiddenProperties, ObjectState, Prediction
from sakiyomi.sensing import TactileReading
from viewer_node.layers.plan import ChosenGrasp, PathSegment
from viewer_node.panels.status import HealthLine, NodeTimes, PickStatus

H, DT_S = 20, 0.05


class Notebook:
    """PageActions that only writes down what was asked."""

    def __init__(self):
        self.asked = []

    def pick(self, object_id):
        return self._note('pick', object_id)

    def stop(self):
        return self._note('stop')

    def push(self, object_id):
        return self._note('push', object_id)

    def throw(self):
        return self._note('throw')

    def reset(self, seed):
        return self._note('reset', seed)

    def _note(self, *what):
        self.asked.append(what)
        return f'{what[0]} asked for'


def properties():
    one = Gaussian(0.2, 0.01)
    return HiddenProperties(one, one, one, np.zeros(3), np.eye(3) * 1e-4)


def object_state(object_id, mesh, position, velocity=(0, 0, 0), color=(200, 180, 90), yaw=0.0):
    points, _ = trimesh.sample.sample_surface(mesh, 500, seed=object_id)
    c, s = np.cos(yaw), np.sin(yaw)
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return ObjectState(
        id=object_id,
        stamp_s=0.0,
        T_world_object=make_transform(R, np.array(position, float)),
        pose_covariance=np.eye(6) * 1e-5,
        twist=np.array([*velocity, 0, 0, 0], float),
        twist_covariance=np.eye(6) * 1e-3,
        points_m=points.astype(np.float32),
        colors=np.tile(np.array(color, np.uint8), (len(points), 1)),
        properties=properties(),
    )


def objects(t=0.0):
    box, can = trimesh.creation.box, trimesh.creation.cylinder
    slide = 0.12 * t
    return (
        object_state(1, box((0.06, 0.04, 0.08)), (0.42, 0.10, 0.04), yaw=0.5),
        object_state(2, can(0.03, 0.09), (0.55, 0.04, 0.045), color=(90, 170, 210)),
        object_state(
            3, trimesh.creation.icosphere(3, 0.032), (0.48 + slide, -0.09, 0.032), (0.12, 0.05, 0)
        ),
        object_state(4, box((0.05, 0.09, 0.035)), (0.60, -0.03, 0.018), yaw=-0.7),
        object_state(5, can(0.022, 0.05), (0.38, -0.02, 0.025), color=(210, 90, 120)),
    )


def prediction(state):
    times = np.arange(1, H + 1) * DT_S
    T = np.tile(state.T_world_object, (H, 1, 1))
    T[:, :3, 3] += times[:, None] * state.twist[:3]
    growth = (0.004 + 0.02 * times) ** 2
    covariance = np.eye(6)[None] * growth[:, None, None]
    covariance[:, 2, 2] *= 0.1
    zeros = np.zeros(H)
    return Prediction(
        state.id, times, T, covariance, np.tile(state.twist, (H, 1)), covariance, zeros, zeros
    )


def cloud(states):
    points = np.concatenate([transform_points(s.T_world_object, s.points_m) for s in states])
    return points, np.concatenate([s.colors for s in states])


def camera_image(width=640, height=480):
    v, u = np.mgrid[0:height, 0:width]
    image = np.stack([60 + u * 120 // width, 70 + v * 90 // height, np.full_like(u, 90)], -1)
    image[180:300, 250:390] = (220, 170, 70)
    return image.astype(np.uint8)


def touch(side, force_n=0.3):
    x, y = (a.ravel() for a in np.meshgrid(*2 * [np.linspace(-0.008, 0.008, 6)]))
    forces = np.zeros((36, 3))
    forces[:, 2] = force_n * np.exp(-((x - 0.002) ** 2 + (y + 0.001) ** 2) / 2e-5)
    points = np.stack([x, y, 0 * x], 1).astype(np.float32)
    return TactileReading(0.0, side, points, forces.astype(np.float32))


def contacts():
    points = np.array([[0.55, 0.02, 0.055], [0.55, 0.06, 0.055]])
    normals = np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
    return ContactPoints(points, normals, 2.0 * normals, np.array([2, 2]), np.array([0, 1]))


def grasp():
    down = np.diag([1.0, -1.0, -1.0])
    return ChosenGrasp(2, make_transform(down, np.array([0.55, 0.04, 0.055])), 0.07, 8.0, 0.87)


def path():
    s = np.linspace(0, 1, 40)[:, None]
    start, end = np.array([0.30, 0.0, 0.55]), np.array([0.55, 0.04, 0.055])
    bow = np.array([0.05, 0.05, 0.06]) * np.sin(np.pi * s)
    home = np.array([0.15, 0.52, 0.30])
    there = PathSegment(start + s * (end - start) + bow, (51, 140, 242))
    return there, PathSegment(end + s * (home - end) + 3 * bow * [0, 0, 1], (242, 153, 38))


PICK = PickStatus(
    'lift', 2, 0.87, ((True, '#7 in the bin, 11.2 s'), (False, '#4 slipped while lifting'))
)
TIMES = (
    NodeTimes(
        'world_model', 42.0, (('fuse', 8.1), ('segment', 6.4), ('track', 3.3), ('predict', 2.2))
    ),
    NodeTimes('planner', None, (('grasps', 61.0), ('imagine', 22.0), ('motion', 118.0))),
)
HEALTH = (
    HealthLine(0, 'world_model: camera', 'ok'),
    HealthLine(0, 'planner: objects', 'ok'),
    HealthLine(1, 'world_model: dynamics', 'physics prior, no learned model'),
)
RATES = {'camera': 10.0, 'lidar': 10.0, 'touch': 50.0, 'objects': 10.0}


def fill(page, t=0.0):
    """Show everything at once."""
    states = objects(t)
    with page.atomic_update():
        page.show_objects(states)
        page.show_predictions(tuple(map(prediction, states)), states)
        page.show_cloud(*cloud(states))
        page.show_image(camera_image())
        page.show_touch(touch('left'), touch('right', 0.2))
        page.show_contacts(contacts())
        page.show_grasp(grasp())
        page.show_path(path())
        page.show_pick(PICK)
        page.show_times(TIMES, RATES)
        page.show_health(HEALTH)
