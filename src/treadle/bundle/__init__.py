"""The file a trained network lives in: saved, loaded and verified, ONNX out, predictor in."""
