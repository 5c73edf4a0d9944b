"""Runs a rendered Workflow on this machine: every step a process, a bubblewrap sandbox or a container."""
