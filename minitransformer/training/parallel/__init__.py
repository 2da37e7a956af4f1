"""Parallel training: threads, forked processes, MPI, and settings of BLAS and the allocator."""
