"""Labelled views of rendered scenes, which the segmentation is trained on and measured with."""
