//! SQL on the control database, one verb a file.
