"""Training: interaction arrays in, one artifact out."""
