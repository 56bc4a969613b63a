"""The one exception that is meant for people."""


class Problem(Exception):  # noqa: N818 - the word users read
    """What is wrong, where it is and what to do about it; the command line prints it without a traceback."""
