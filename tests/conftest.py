"""What holds for all tests."""

import gc

# Nearly all that lives in a run of thousands of tests lives to its end: looking through it again and again
# for what can go takes a tenth of the time and finds nothing.
gc.set_threshold(200_000, 50, 100)
