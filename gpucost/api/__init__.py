"""One function per question; each returns a Report with its evidence."""
