"""The command line: `sakiyomi COMMAND`, a module for each command."""
