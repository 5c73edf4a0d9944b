"""What is seen of an attempt → its state and the events that tell it; log bytes → lines. No I/O."""
