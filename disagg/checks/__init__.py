"""What must be true of an environment, of the manifests and of the templates: one function for each rule."""
