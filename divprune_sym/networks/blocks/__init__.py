"""Dense blocks in any ONNX graph, pruned in place: the rest of the graph stays as it is."""
