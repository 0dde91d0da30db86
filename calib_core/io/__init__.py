"""Reading runs: finding them, taking stock, and streaming frames in bounded memory."""
