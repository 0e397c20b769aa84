"""What came of experiments: counted unit by unit, compared arm by arm, and judged by written rules."""
