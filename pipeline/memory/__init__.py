"""The queue, the stream and the stages' ports in process, for replays, simulations and tests."""
