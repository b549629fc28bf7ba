"""Pages and their fragments, one module per area."""
