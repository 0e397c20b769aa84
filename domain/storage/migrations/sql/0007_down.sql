REVOKE SELECT (device, surface, purpose) ON recommendations FROM personalization_trainer;
