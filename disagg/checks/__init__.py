"""What must be true of an environment, its manifests and its templates: a function a rule."""
