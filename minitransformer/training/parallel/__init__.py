"""Workers: threads, forked processes, MPI, and what they need of BLAS and the allocator."""
