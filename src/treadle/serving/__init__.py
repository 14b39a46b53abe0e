"""REST over predictors: bundles answered over HTTP, with limits, keys, batching, metrics and a graceful stop."""
