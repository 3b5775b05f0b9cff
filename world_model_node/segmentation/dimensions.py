"""The dimensions of the segmentation network's input."""

NODE_FEATURES, PAIR_FEATURES = 22, 12
# node features that rotate with the scene
NODE_XY, NODE_NORMAL, NODE_VIEWPOINT = slice(0, 2), slice(5, 8), slice(8, 11)
NODE_CHROMATICITY = slice(15, 18)
