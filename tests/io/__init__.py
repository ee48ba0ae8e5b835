"""Tests of gpucost.io."""
