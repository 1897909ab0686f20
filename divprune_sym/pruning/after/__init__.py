"""What may follow pruning: rescaling, reweighting, training on under the mask."""
