"""What runs inside the sandbox: standard library only, so that it starts fast and a candidate sees nothing else."""
