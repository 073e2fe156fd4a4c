"""rsgi is a program; `python -m rsgi` runs the one that is installed beside this Python."""
