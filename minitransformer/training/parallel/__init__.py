"""Parallel training: threads, forked processes, MPI, and settings for BLAS and the allocator."""
