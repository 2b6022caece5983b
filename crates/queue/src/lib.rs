//! The seam to apalis: payload, queue name, enqueue in the caller's transaction, backend.
