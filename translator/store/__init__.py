"""What must outlive the process: tasks, inbox and outbox in Redis. All keys and scripts are here."""
