"""What a task may ask for: the Pod Security Standards, and an operator's limits. Pure, and without Hera."""
