"""Work off the request path: event batches, retraining and the sweeps that pick up what a dead process left."""
