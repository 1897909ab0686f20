"""ONNX graphs: read, run on a few inputs, and understood; nothing in them is executed but their operators."""
