"""Widgets that know arrays, not detectors."""

import pyqtgraph

# OpenGL is slow or missing on remote desktops; colouring of maps is done by our own kernels.
pyqtgraph.setConfigOptions(imageAxisOrder="row-major", useNumba=False, useOpenGL=False, antialias=False)
