"""The desktop workbench: all the Qt of calibwb."""
