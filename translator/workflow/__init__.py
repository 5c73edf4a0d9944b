"""A task becomes an Argo Workflow: pure functions, no I/O."""
