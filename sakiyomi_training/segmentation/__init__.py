"""Training of the segmentation network on rendered scenes."""
