"""Parameters for video generation, and what came of the videos that were made with them."""
