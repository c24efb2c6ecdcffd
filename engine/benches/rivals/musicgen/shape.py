"""What is timed, and the shape of MusicGen-small: facebook/musicgen-small's config.json."""

# What is timed: two rows, with the prompt and without, after 250 steps (5 s of audio).
ROWS = 2
CONTEXT_STEPS = 250
TEXT_TOKENS = 16
THREADS = 2
# 50 steps make a second of audio.
REAL_TIME_MS = 20.0

LAYERS = 24
WIDTH = 1024
HEADS = 16
HEAD_WIDTH = WIDTH // HEADS
CODEBOOKS = 4
CODES = 2048
