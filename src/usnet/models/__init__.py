"""The network: the paper's USNet backbone, feature pyramid and RetinaNet heads. The only floor-2 room that knows torch."""
