"""From a cloud to ranked grasps: local cloud → hand poses → closing → grasp model."""
