-- Where lists were served, for those who agreed to training: what is taken more on a device is learned from it.
GRANT SELECT (device, surface, purpose) ON recommendations TO personalization_trainer;
