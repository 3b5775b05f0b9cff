"""From a cloud to ranked grasps: surface → hands → closing → imagination."""
