"""What touch has measured and what dynamics believe, in one scene."""

from observed_scenes import cube, observed, properties, scene_of

from sakiyomi.scene import Gaussian
from world_model_node.inference.dynamics import ObjectBelief
from world_model_node.inference.dynamics_interface import scene_with_beliefs


def test_what_touch_has_measured_is_told_rather_than_what_dynamics_believe():
    scene = scene_of(observed(cube(object_id=1), cube((0.7, 0.0, 0.02), object_id=2))[-1])
    belief = ObjectBelief(properties(mass=0.4, friction=0.9), surprise=1.5)
    slid = {1: {'friction': Gaussian(0.3, 0.01)}, 2: {}}
    told = scene_with_beliefs(scene, {1: belief}, lambda state: slid[state.id]).objects
    assert told[0].properties.friction == slid[1]['friction']
    assert told[0].properties.mass_kg == belief.properties.mass_kg and told[0].surprise == 1.5
    assert told[1].properties == scene.objects[1].properties
