"""Diagnosis: the documented troubleshooting list, walked by a program that says what is wrong and how to mend it."""
