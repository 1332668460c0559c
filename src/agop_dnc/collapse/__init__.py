"""Neural collapse, AGOPs and ablation of trained networks."""
