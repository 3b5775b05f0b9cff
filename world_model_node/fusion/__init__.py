"""From depth images and LiDAR scans to one weighted cloud of the objects, the robot taken out."""
