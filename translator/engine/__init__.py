"""What runs Workflows: Argo on a cluster, or this machine."""
