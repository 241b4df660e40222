"""Type B telegrams: their envelope, and aircraft movement messages."""
