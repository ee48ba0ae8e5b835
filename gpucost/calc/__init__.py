"""Pure arithmetic: no I/O, no clock, no globals, no hidden default for a physical quantity."""
