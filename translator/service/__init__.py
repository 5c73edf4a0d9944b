"""The flows: accept, submit, follow, deliver, and what joins them."""
