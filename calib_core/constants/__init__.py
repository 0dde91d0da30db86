"""Constants: conditions, kinds of constants, bad-pixel flags."""
