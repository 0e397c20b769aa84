"""Rights as resumable work: erasing a person, exporting what is kept of them, and proof of what was done."""
