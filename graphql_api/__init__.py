"""Transport: every request is translated, one service is called, the answer is translated back."""
