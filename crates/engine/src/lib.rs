//! The life of a function: identities, versions, compile queue, invalidation.
