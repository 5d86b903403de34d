"""The look-ups against servers on localhost."""
